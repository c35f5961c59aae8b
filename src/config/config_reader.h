// Reads the lines of one file into a configuration by the table of statements. What it is not: the judge of
// the whole file; see client_config.cpp and server_config.cpp.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mptunnel/config/config_lines.h"
#include "mptunnel/config/statement.h"
#include "statement_line.h"

namespace mptunnel {

/// Whether the line begins with a HOST and a PORT, as a bridge without a word before it does.
bool reads_as_bridge(const ConfigLine& line);

/// What was probably meant by a line whose first word is no statement of the program but looks like one:
/// other letter case, a '=' or ':' behind it, a typing mistake, the key itself. Empty if it looks like none
/// of these.
std::string explain_unknown_statement(const ConfigLine& line, Program program);

template <typename Config>
class ConfigReader {
 public:
  ConfigReader(std::string_view file_name, const KeyFileCheck& check_key_file)
      : file_(file_name, check_key_file) {}

  /// `explain` says what is wrong with a line whose first word is no statement; if it has nothing to say, the
  /// line is one for the statement without a word.
  void read(std::string_view text, std::string (*explain)(const ConfigLine& line)) {
    const ConfigLines lines = read_config_lines(text, file_.report);
    last_line_ = lines.last_number;
    is_text_ = file_.report.empty();
    for (const ConfigLine& line : lines.lines) read_line(line, explain);
  }

  Config& config() { return config_; }
  /// Whether the statement was there, right or wrong.
  [[nodiscard]] bool given(std::string_view word) const { return first_lines_.contains(word); }
  /// Where it was first.
  [[nodiscard]] int line_of(std::string_view word) const { return first_lines_.at(word); }

  void wrong(int line, std::string reason) { file_.report.add(line, std::move(reason)); }
  /// Something must be given and is not. What can't be read may have it.
  void missing(std::string reason) {
    if (is_text_) wrong(last_line_, std::move(reason));
  }

  ConfigResult<Config> take() {
    if (!file_.report.empty()) return tl::make_unexpected(file_.report.take());
    return std::move(config_);
  }

 private:
  static constexpr Program kProgram =
      std::is_same_v<Config, ClientConfig> ? Program::mpclient : Program::mpserver;

  void read_line(const ConfigLine& line, std::string (*explain)(const ConfigLine& line)) {
    const Statement* statement = find_statement(kProgram, line.words.front());
    if (statement == nullptr) {
      if (std::string reason = explain(line); !reason.empty()) return wrong(line.number, std::move(reason));
      statement = find_statement(kProgram, "");
    }
    const auto [first, is_first] = first_lines_.emplace(statement->word, line.number);
    if (!is_first && statement->times == Times::once) {
      return wrong(line.number, fmt::format("'{}' stands on line {} already: keep one of the two",
                                            statement->word, first->second));
    }
    StatementLine words(*statement, line, file_);
    if (const auto* read = std::get_if<ReadStatement<CommonConfig>>(&statement->read)) {
      (*read)(words, config_.common);
    } else {
      std::get<ReadStatement<Config>>(statement->read)(words, config_);
    }
  }

  ConfigFile file_;
  Config config_;
  std::map<std::string_view, int> first_lines_;  ///< by the statement's word
  int last_line_ = 1;
  bool is_text_ = false;
};

}  // namespace mptunnel
