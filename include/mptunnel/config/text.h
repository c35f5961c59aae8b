// Words of a text that a person wrote: splitting, quoting, and the nearest known word for a mistyped one.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace mptunnel {

/// What a reader of words returns for one that is wrong: what is wrong, and what would be right.
template <typename... Args>
tl::unexpected<std::string> mistake(fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(fmt::format(format, std::forward<Args>(args)...));
}

/// The words of a line, separated by blanks and tabs, as views into it.
std::vector<std::string_view> split_words(std::string_view line);

/// The word in single quotes for a message: bytes that are not printable ASCII as \xNN, and cut short after
/// 80 characters, so that a hostile file can't write to the terminal. What looks like a key is left out. A
/// blank that only looks like one (base/odd_blank.h) is named behind it.
std::string quote_word(std::string_view word);

/// Whether the word is decimal digits alone, at least one.
bool is_digits(std::string_view word);

/// The word with ASCII letters made small.
std::string lower_case(std::string_view word);

/// How many letters must be changed, added, left out or swapped with their neighbour to make `b` of `a`
/// (optimal string alignment; Damerau, CACM 7(3), 1964). Words of more than 64 bytes are as far apart as they
/// are long.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word that `word` was probably meant to be, small and capital letters being equal; empty if
/// none is near: one mistake in a word of up to 5 letters, two in longer ones.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);

/// Whether the word has the shape of a key itself (32 bytes in base64), which no message may repeat.
bool looks_like_key(std::string_view word);

}  // namespace mptunnel
