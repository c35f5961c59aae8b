// Characters that look like a blank, or like nothing, and are neither to a program: they come with text that
// was copied from a web page or a word processor.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace mptunnel {

/// What some editors put in front of a text of UTF-8: it means nothing.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

struct OddBlank {
  std::size_t at = 0;     ///< its first byte
  std::string_view name;  ///< with its article: "a no-break space (U+00A0)"
};

/// The first of them in a text of UTF-8; nullopt if there is none.
std::optional<OddBlank> find_odd_blank(std::string_view text);

}  // namespace mptunnel
