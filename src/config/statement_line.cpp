#include "statement_line.h"

#include <fmt/format.h>

#include "mptunnel/config/choice.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

/// Up to and with the last slash; empty without one.
std::string_view folder_of(std::string_view file_name) {
  return file_name.substr(0, file_name.rfind('/') + 1);
}

}  // namespace

ConfigFile::ConfigFile(std::string_view file_name, const KeyFileCheck& key_file_check)
    : folder(folder_of(file_name)), check_key_file(key_file_check), report(file_name) {}

std::span<const std::string_view> StatementLine::arguments() const {
  return std::span(line_.words).subspan(statement_.word.empty() ? 0 : 1);
}

std::optional<std::string_view> StatementLine::word() {
  const auto words = arguments();
  if (words.size() == 1) return words.front();
  const std::string usage = usage_of(statement_.word, statement_.argument);
  if (words.empty()) {
    wrong(fmt::format("'{}' says nothing: write '{}'", statement_.word, usage));
  } else if (words.front() == "=" || words.front() == ":") {
    wrong(fmt::format("'{}' takes no '{}': write '{}'", statement_.word, words.front(), usage));
  } else {
    wrong(fmt::format("'{}' takes one word, and {} is too much: write '{}'", statement_.word,
                      quote_word(words[1]), usage));
  }
  return std::nullopt;
}

std::optional<bool> StatementLine::either() {
  const auto value = word();
  if (!value) return std::nullopt;
  auto is_first = parse_either(*value, statement_.word, statement_.argument);
  if (is_first) return *is_first;
  wrong(std::move(is_first.error()));
  return std::nullopt;
}

bool StatementLine::is_plain_path(std::string_view name) {
  if (!name.starts_with('~') && !name.starts_with('"') && !name.starts_with('\'')) return true;
  wrong(fmt::format("{} starts with a '{}', which has no meaning here: write the plain path",
                    quote_word(name), name.front()));
  return false;
}

std::string StatementLine::path_of(std::string_view name) const {
  return name.starts_with('/') ? std::string(name) : file_.folder + std::string(name);
}

}  // namespace mptunnel
