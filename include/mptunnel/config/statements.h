// The grammar that mpclient.conf and mpserver.conf share: lines of words, the list of mistakes, the common
// statements. What it is not: the meaning of a whole file; see config.h.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/config/config.h"

namespace mptunnel {

/// One line that says something, without its comment. The words are views into the text of the file.
struct ConfigLine {
  int number = 0;
  std::vector<std::string_view> words;  ///< at least one
};

/// The mistakes of one file.
class ConfigReport {
 public:
  explicit ConfigReport(std::string_view file) : file_(file) {}

  void add(int line, std::string reason);
  [[nodiscard]] bool empty() const { return errors_.empty(); }
  /// The mistakes in the order of their lines; after kMaxConfigErrors one that says how many more there are.
  [[nodiscard]] std::vector<ConfigError> take();

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
  std::size_t untold_ = 0;
};

/// The lines of a file; what is no text (control bytes, UTF-16) or too long goes to the report instead.
struct ConfigLines {
  std::vector<ConfigLine> lines;
  int last_number = 1;  ///< of the file's last line
};
ConfigLines read_config_lines(std::string_view text, ConfigReport& report);

/// One that may be given once. A second one is a mistake.
class SingleStatement {
 public:
  /// Whether this is the first one; else the report gets the mistake.
  bool take(const ConfigLine& line, ConfigReport& report);
  [[nodiscard]] bool given() const { return line_ != 0; }
  [[nodiscard]] int line() const { return line_; }

 private:
  int line_ = 0;
};

/// The one word after the statement's own; nothing, and a mistake in the report, where there are none or
/// several.
std::optional<std::string_view> single_argument(const ConfigLine& line, std::string_view usage,
                                                ConfigReport& report);

/// The value of "STATEMENT yes" or "STATEMENT no"; nothing, and a mistake in the report, for anything else.
std::optional<bool> switch_argument(const ConfigLine& line, ConfigReport& report);

/// `key-file`, `encrypt`, `cipher`, `offload`, `log-level`, `resolve-interval`, `dscp` and `control`.
class CommonStatements {
 public:
  CommonStatements(std::string_view file_name, const KeyFileCheck& check_key_file);

  static bool knows(std::string_view word);
  void read(const ConfigLine& line, ConfigReport& report);
  [[nodiscard]] const CommonConfig& config() const { return config_; }

 private:
  void read_key_file(const ConfigLine& line, ConfigReport& report);
  void read_cipher(const ConfigLine& line, ConfigReport& report);
  void read_log_level(const ConfigLine& line, ConfigReport& report);
  void read_resolve_interval(const ConfigLine& line, ConfigReport& report);
  void read_dscp(const ConfigLine& line, ConfigReport& report);
  void read_control(const ConfigLine& line, ConfigReport& report);
  /// The path that `name` stands for, seen from the configuration's folder.
  [[nodiscard]] std::string path_of(std::string_view name) const;

  std::string folder_;  ///< of the configuration, with its last slash
  const KeyFileCheck& check_key_file_;
  CommonConfig config_;
  SingleStatement key_file_;
  SingleStatement encrypt_;
  SingleStatement cipher_;
  SingleStatement offload_;
  SingleStatement log_level_;
  SingleStatement resolve_interval_;
  SingleStatement dscp_;
  SingleStatement control_;
};

/// `listen`, which may be given several times.
class ListenStatements {
 public:
  explicit ListenStatements(ListenDefault without_host) : without_host_(without_host) {}

  void read(const ConfigLine& line, ConfigReport& report);
  /// Whether there was any, right or wrong.
  [[nodiscard]] bool given() const { return given_; }
  [[nodiscard]] const std::vector<ListenAddress>& addresses() const { return addresses_; }

 private:
  void add(const ListenAddress& address, const ConfigLine& line, ConfigReport& report);

  ListenDefault without_host_;
  bool given_ = false;
  std::vector<ListenAddress> addresses_;
};

/// What was probably meant by a line whose first word is none of `known` statements but looks like one: other
/// letter case, a '=' or ':' behind it, a typing mistake, the key itself. Empty where it looks like none of
/// these.
std::string explain_unknown_statement(const ConfigLine& line, std::span<const std::string_view> known);

}  // namespace mptunnel
