#include "mptunnel/config/config_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "mptunnel/base/odd_blank.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/// What other files begin a comment with, if the word at this place of its line begins with it; else empty.
/// A path or a key may begin with two slashes.
std::string_view foreign_comment(std::string_view word, std::size_t place) {
  if (word.starts_with(';')) return ";";
  const bool is_comment = place == 1 ? word == "//" : word.starts_with("//");
  return is_comment ? "//" : "";
}

/// The words of a line, or what is wrong with them, into the report.
void read_words(std::string_view text, int number, std::vector<ConfigLine>& lines, ConfigReport& report) {
  if (const auto blank = find_odd_blank(text)) {
    report.add(number, "byte {} of the line is {}, which is no blank here: write a plain blank, or none",
               blank->at + 1, blank->name);
    return;
  }
  auto words = split_words(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view mark = foreign_comment(words[i], i);
    if (mark.empty()) continue;
    report.add(number, "'{}' begins no comment here: write '#' instead", mark);
    return;
  }
  if (!words.empty()) lines.push_back({.number = number, .words = std::move(words)});
}

/// One line into words, or into the report.
void read_line(std::string_view line, int number, std::vector<ConfigLine>& lines, ConfigReport& report) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kMaxConfigLineBytes) {
    report.add(number, "the line has {} bytes: write at most {}", line.size(), kMaxConfigLineBytes);
    return;
  }
  const auto control = std::find_if(line.begin(), line.end(), is_control);
  if (control != line.end()) {
    report.add(number, "byte {} of the line is 0x{:02x}, which is no text: write a plain text file",
               control - line.begin() + 1, static_cast<unsigned char>(*control));
    return;
  }
  read_words(line.substr(0, line.find('#')), number, lines, report);
}

}  // namespace

std::string to_string(const ConfigError& error) {
  return fmt::format("{}:{}: {}", error.file, error.line, error.reason);
}

void ConfigReport::add(int line, std::string reason) {
  if (errors_.size() < kMaxConfigErrors) {
    errors_.push_back({.file = file_, .line = line, .reason = std::move(reason)});
  } else {
    ++not_listed_;
  }
}

std::vector<ConfigError> ConfigReport::take() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
  if (not_listed_ > 0) {
    errors_.push_back(
        {.file = file_,
         .line = errors_.back().line,
         .reason = fmt::format("and {} more mistakes: correct the ones above first", not_listed_)});
  }
  return std::move(errors_);
}

ConfigLines read_config_lines(std::string_view text, ConfigReport& report) {
  ConfigLines result;
  if (text.size() > kMaxConfigBytes) {
    report.add(1, "the file has {} bytes: a configuration has at most {}", text.size(), kMaxConfigBytes);
    return result;
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    report.add(1, "the file is UTF-16: save it as plain text or UTF-8");
    return result;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    read_line(text.substr(0, end), ++number, result.lines, report);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  result.last_number = std::max(number, 1);
  return result;
}

}  // namespace mptunnel
