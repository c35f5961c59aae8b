// One line of a configuration as the reader of its statement sees it, and the readers that several rows of
// the table share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mptunnel/config/config_lines.h"
#include "mptunnel/config/statement.h"

namespace mptunnel {

/// What is the same for all lines of a file.
struct ConfigFile {
  ConfigFile(std::string_view file_name, const KeyFileCheck& key_file_check);

  std::string folder;  ///< of the configuration, with its last slash
  const KeyFileCheck& check_key_file;
  ConfigReport report;
};

class StatementLine {
 public:
  StatementLine(const Statement& statement, const ConfigLine& line, ConfigFile& file)
      : statement_(statement), line_(line), file_(file) {}

  [[nodiscard]] int number() const { return line_.number; }
  /// What stands behind the statement's word.
  [[nodiscard]] std::span<const std::string_view> arguments() const;
  [[nodiscard]] const KeyFileCheck& check_key_file() const { return file_.check_key_file; }
  [[nodiscard]] ConfigReport& report() { return file_.report; }
  void wrong(std::string reason) { file_.report.add(line_.number, std::move(reason)); }

  /// The only argument; nullopt, and a mistake in the report, if there are none or several.
  std::optional<std::string_view> word();
  /// Whether the only argument is the first of the statement's two ("yes|no"); nullopt, and a mistake in the
  /// report, for anything else.
  std::optional<bool> either();
  /// Whether a file may be named so: no '~' and no quotes, which only a shell takes away.
  bool is_plain_path(std::string_view name);
  /// The path that `name` means, seen from the configuration's folder.
  [[nodiscard]] std::string path_of(std::string_view name) const;

 private:
  const Statement& statement_;
  const ConfigLine& line_;
  ConfigFile& file_;
};

/// A reader: the only argument, as `Parse` understands it, is the value of `Member`. `Parse` gives a value or
/// what is wrong with the word.
template <auto Member, auto Parse>
void read_word(StatementLine& line, decltype(class_of(Member))& config) {
  const auto word = line.word();
  if (!word) return;
  auto value = Parse(*word);
  if (!value) return line.wrong(std::move(value.error()));
  config.*Member = std::move(*value);
}

/// A reader: one of two words, and the number of the line that it stands on.
template <auto Member, auto LineMember>
void read_switch(StatementLine& line, CommonConfig& config) {
  config.*Member = line.either();
  config.*LineMember = line.number();
}

}  // namespace mptunnel
