// Impairments from words: one table for the command line and for commands to a running bridge.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "support/bridge/impairments.h"

namespace mptunnel::test {

/// One impairment that can be set by name, for both directions or, with "-up" or "-down" after it, for one.
struct ImpairmentWord {
  std::string_view name;   ///< "loss"
  std::string_view value;  ///< what its value is: "PCT", or empty for a switch
  std::string_view help;
};

std::span<const ImpairmentWord> impairment_words();

/// A direction's options before and after a command.
struct ImpairmentPair {
  ImpairmentOptions up;    ///< from the clients to the target
  ImpairmentOptions down;  ///< from the target to the clients
};

/// Sets what `name` says, with or without "-up" or "-down", to `value`. Times of a blackout count from `age`,
/// the bridge's age. The error says which word or value is wrong, and what would be right; `options` is
/// unchanged then.
tl::expected<void, std::string> apply_impairment(ImpairmentPair& options, std::string_view name,
                                                 std::string_view value, Duration age);

}  // namespace mptunnel::test
