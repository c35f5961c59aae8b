#include "mptunnel/config/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mptunnel/base/odd_blank.h"

namespace mptunnel {
namespace {

constexpr std::size_t kQuotedCharacters = 80;
constexpr std::size_t kLongestCompared = 64;
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// 32 bytes in base64, its padding included (RFC 4648, section 4).
constexpr std::size_t kKeyCharacters = 44;

// Not <cctype>: its answers depend on the locale.
char small_letter(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string_view> words;
  std::size_t start = line.find_first_not_of(kBlanks);
  while (start != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, start), line.size());
    words.push_back(line.substr(start, end - start));
    start = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::string quote_word(std::string_view word) {
  if (looks_like_key(word)) return "(a key)";
  std::string quoted = "'";
  for (const char letter : word.substr(0, kQuotedCharacters)) {
    if (letter >= ' ' && letter <= '~') {
      quoted += letter;
    } else {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(letter));
    }
  }
  if (word.size() > kQuotedCharacters) quoted += "...";
  quoted += "'";
  if (const auto blank = find_odd_blank(word)) quoted += fmt::format(" (which has {} in it)", blank->name);
  return quoted;
}

bool is_digits(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string lower_case(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), small_letter);
  return lower;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > kLongestCompared || b.size() > kLongestCompared) return std::max(a.size(), b.size());
  using Row = std::array<std::size_t, kLongestCompared + 1>;
  Row before{};  // two rows up, for swapped neighbours
  Row above{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
  const std::string lower = lower_case(word);
  const std::size_t tolerated = word.size() <= 5 ? 1 : 2;
  std::size_t best = tolerated + 1;
  std::string_view nearest;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(lower, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

bool looks_like_key(std::string_view word) {
  return word.size() == kKeyCharacters && word.back() == '=' &&
         word.find_first_not_of(kBase64) == kKeyCharacters - 1;
}

}  // namespace mptunnel
