// Any bytes as the content of a key file: it is the one key in it, or an error that tells nothing of what
// stands there.
#include <algorithm>
#include <string>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/base/odd_blank.h"
#include "mptunnel/crypto/key.h"
#include "mptunnel/host/read_file.h"

namespace mptunnel::fuzz {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

/// The base64 of a key (RFC 4648, section 4), once more and without OpenSSL.
std::string base64_of(const SecretKey& key) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t byte : key.bytes) {
    bits = bits << 8U | byte;
    for (count += 8; count >= 6; count -= 6) text += kLetters[bits >> (count - 6) & 63U];
  }
  text += kLetters[bits << (6 - count) & 63U];
  return text + '=';
}

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

/// The lines that say something, without the blanks around them.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty() && line.front() != '#') lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Without the name that may stand before a key.
std::string_view key_of(std::string_view line) {
  const std::size_t gap = line.find_first_of(kBlanks);
  if (gap == std::string_view::npos) return line;
  const std::string_view rest = trimmed(line.substr(gap));
  return rest.find_first_of(kBlanks) == std::string_view::npos ? rest : line;
}

/// No error depends on the letters of a text, only on how many there are.
void check_error(const std::string& error, const std::string& of_as_long) {
  MPT_ASSERT(!error.empty() && error == of_as_long);
  MPT_ASSERT(std::all_of(error.begin(), error.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

/// Whether the error is about what other files have for comments, or for blanks: there is such a thing then,
/// and it is no part of a key.
bool is_of_foreign_line(const std::string& error, const std::vector<std::string_view>& lines) {
  const auto has = [&](auto holds) { return std::any_of(lines.begin(), lines.end(), holds); };
  if (error.starts_with("has a line that begins with ';'"))
    return has([](std::string_view line) { return line.starts_with(';'); });
  if (error.starts_with("has a line that begins with '//'"))
    return has([](std::string_view line) { return line.starts_with("//"); });
  if (error.ends_with("in a line: write plain blanks, or none"))
    return has([](std::string_view line) { return find_odd_blank(line).has_value(); });
  return false;
}

}  // namespace

void fuzz_key_file(ConstBytes input) {
  std::string_view text = text_of(input);
  const auto key = read_secret(text, kKeyFileWords);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const auto lines = lines_of(text);
  if (key) {
    MPT_ASSERT(lines.size() == 1 && key_of(lines.front()) == base64_of(*key));
    return;
  }
  if (is_of_foreign_line(key.error(), lines)) return;
  // The same file with other letters, of which none makes a key.
  std::string masked(text);
  for (const std::string_view line : lines)
    std::replace_if(
        masked.begin() + (line.data() - text.data()),
        masked.begin() + (line.data() - text.data() + static_cast<std::ptrdiff_t>(line.size())),
        [](char c) { return kBlanks.find(c) == std::string_view::npos; }, '!');
  const auto other = read_secret(masked, kKeyFileWords);
  MPT_ASSERT(!other);
  check_error(key.error(), other.error());
  for (const std::string_view line : lines) {
    const auto alone = parse_key(line);
    MPT_ASSERT(!alone || lines.size() > 1);
    if (!alone) check_error(alone.error(), parse_key(std::string(line.size(), '!')).error());
  }
}

}  // namespace mptunnel::fuzz
