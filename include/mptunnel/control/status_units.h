// What a field of the status can be, other than a number, a text or a value of its own.
#pragma once

#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// Spans as the fields' names have them.
struct Seconds {
  std::optional<Duration> span;
};
struct Milliseconds {
  std::optional<Duration> span;
};

/// Two values that are one field.
template <typename Value>
struct BothWays {
  Value out;
  Value in;

  template <typename Field>
  void for_each_field(Field field) const {
    field("out", out);
    field("in", in);
  }
};
template <typename Value>
BothWays(Value, Value) -> BothWays<Value>;

}  // namespace mptunnel
