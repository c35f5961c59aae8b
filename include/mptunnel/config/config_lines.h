// The text of mpclient.conf and mpserver.conf as lines of words, and the list of mistakes in them.
// What it is not: what the words mean; see statement.h.
#pragma once

#include <fmt/format.h>

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
  template <typename... Args>
  void add(int line, fmt::format_string<Args...> reason, Args&&... args) {
    add(line, fmt::format(reason, std::forward<Args>(args)...));
  }
  [[nodiscard]] bool empty() const { return errors_.empty(); }
  /// The mistakes in the order of their lines; after kMaxConfigErrors one that says how many more there are.
  [[nodiscard]] std::vector<ConfigError> take();

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
  std::size_t not_listed_ = 0;
};

/// The lines of a file; what is no text (control bytes, UTF-16) or too long goes to the report instead.
struct ConfigLines {
  std::vector<ConfigLine> lines;
  int last_number = 1;  ///< of the file's last line
};
ConfigLines read_config_lines(std::string_view text, ConfigReport& report);

}  // namespace mptunnel
