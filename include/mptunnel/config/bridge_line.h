// One bridge line of mpclient.conf, "HOST PORT [option...]", and the table of its options. What it is not:
// the comparison with other bridges; see client_config.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/config/config.h"
#include "mptunnel/config/config_lines.h"

namespace mptunnel {

/// A row of the table of options: `word=VALUE`, or the word alone.
struct BridgeOption {
  std::string_view word;
  std::string_view form;          ///< how to write it; empty: the word alone
  std::string_view default_text;  ///< what it is like to leave it out
  /// Takes the value, or says what is wrong with it. An option without a value gets an empty one.
  std::optional<std::string> (*read)(std::string_view value, BridgeConfig& bridge);
};
std::span<const BridgeOption> bridge_options();

/// A name's word: 1 to kMaxNameWordBytes letters, digits and . _ - : @
/// `what` it is, for the error: "name".
tl::expected<std::string, std::string> parse_name_word(std::string_view word, std::string_view what);

/// `words` are those of the bridge alone, without a `bridge` before them. nullopt if the report got a
/// mistake.
std::optional<BridgeConfig> parse_bridge(std::span<const std::string_view> words, int line,
                                         ConfigReport& report);

}  // namespace mptunnel
