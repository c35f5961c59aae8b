// The options and the environment variables of both programs, a row for each; the words of a command line
// sorted by them, and --help. Which values are right, and what goes with what, is judged in command_line.cpp.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mptunnel/apps/command_line.h"
#include "mptunnel/config/statement.h"

namespace mptunnel {

/// What was given for each option, not yet judged: values in their order, flags once for all times.
struct CommandWords {
  std::vector<std::string> key_file;
  std::vector<std::string> keys;
  std::vector<std::string> log_level;
  std::vector<std::string> pid_file;
  std::vector<std::string> offload;
  std::vector<std::string> control;
  std::vector<std::string> listen;
  std::vector<std::string> tun;
  std::vector<std::string> positionals;
  bool check = false;
  bool genkey = false;
  bool status = false;
  bool reload = false;
  bool json = false;
  bool wide = false;
  bool healthy = false;
  bool daemon = false;
  bool version = false;
  bool help = false;
};

struct Option {
  std::string_view word;    ///< "--key-file"
  std::string_view letter;  ///< "-h", for the same; empty: none
  std::string_view value;   ///< what its value is called; empty: a flag
  Programs programs;
  std::string_view help;  ///< empty: those of the statement of the same name
  std::variant<bool CommandWords::*, std::vector<std::string> CommandWords::*> target;
};
std::span<const Option> command_options();
struct EnvironmentVariable {
  const char* name;
  std::string_view help;
  std::optional<SecretText> Environment::*value;
  bool is_secret = false;  ///< it does not stay in the environment
};
std::span<const EnvironmentVariable> environment_variables();

/// `arguments` come without the program's name. What is no option of this program, lacks its value or has one
/// too much is reported to `wrong` and left out.
CommandWords sort_command_words(std::span<const char* const> arguments, Program program,
                                const std::function<void(std::string_view)>& wrong);

/// The forms of the call, a line each: what a call without arguments prints.
std::string_view usage_text(Program program);

/// The usage, what the program is for, and from their tables options, environment and statements; examples.
std::string help_text(Program program);

}  // namespace mptunnel
