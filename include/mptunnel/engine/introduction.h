// Whether the server knows what a path is called, and what address it sees it come from. It sends nothing.
#pragma once

#include <algorithm>
#include <optional>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// NAME goes out once for each key, so that an address that has changed is seen, and again until SEEN_FROM
/// comes under that key. An ECHO that goes out before has it with it.
class Introduction {
 public:
  /// Whether NAME is to be sent now; `key` is the index of the epoch that would carry it.
  [[nodiscard]] bool is_due(SessionIndex key, TimePoint now) const {
    return key_ != key || (!is_answered_ && now >= next_);
  }
  [[nodiscard]] bool is_answered(SessionIndex key) const { return key_ == key && is_answered_; }
  /// NAME leaves with an ECHO, which is repeated at a pace of its own.
  void on_echo(SessionIndex key, TimePoint now) {
    key_ = key;
    is_answered_ = false;
    next_ = now + kNameRepeat;
    pause_ = 2 * kNameRepeat;
  }
  void on_sent(SessionIndex key, TimePoint now) {
    if (key_ != key || is_answered_) pause_ = kNameRepeat;
    key_ = key;
    is_answered_ = false;
    next_ = now + pause_;
    pause_ = std::min<Duration>(2 * pause_, kNameRepeatMost);
  }
  void on_answer(SessionIndex key, const Endpoint& address) {
    if (key_ == key) is_answered_ = true;
    seen_ = address;
  }
  /// The path has another address, or another server.
  void restart() { *this = {}; }
  /// The path's address as the server sees it; not set before it said so.
  [[nodiscard]] const Endpoint& seen() const { return seen_; }

 private:
  std::optional<SessionIndex> key_;
  bool is_answered_ = false;
  TimePoint next_{};
  Duration pause_ = kNameRepeat;
  Endpoint seen_;
};

}  // namespace mptunnel
