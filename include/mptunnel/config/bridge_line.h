// One bridge line of mpclient.conf: "HOST PORT [bind=ADDRESS[:PORT]] [dev=INTERFACE[,INTERFACE...]]
// [name=WORD] [backup] [metered]". What it is not: the comparison with other bridges; see client_config.cpp.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "mptunnel/config/config.h"
#include "mptunnel/config/statements.h"

namespace mptunnel {

/// A name's letters: they stand in log lines as one word.
inline constexpr std::size_t kMaxNameWordBytes = 64;

/// 1 to 64 letters, digits and . _ - : @
bool is_name_word(std::string_view word);

/// `words` are those of the bridge alone, without a `bridge` before them. Nothing where the report got a
/// mistake.
std::optional<BridgeConfig> parse_bridge(std::span<const std::string_view> words, int line,
                                         ConfigReport& report);

}  // namespace mptunnel
