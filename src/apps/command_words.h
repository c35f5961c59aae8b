// The words of a command line, sorted into options and arguments. Which values are right, and what goes with
// what, is judged in command_line.cpp.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mptunnel {

/// What was given for each option, not yet judged: values in their order, flags once for all times.
struct CommandWords {
  std::vector<std::string> key_file;
  std::vector<std::string> log_level;
  std::vector<std::string> pid_file;
  std::vector<std::string> offload;
  std::vector<std::string> control;
  std::vector<std::string> listen;
  std::vector<std::string> positionals;
  bool check = false;
  bool genkey = false;
  bool status = false;
  bool json = false;
  bool daemon = false;
  bool version = false;
  bool help = false;
};

/// `arguments` come without the program's name. What is no option of this program, lacks its value or has one
/// too much is told to `wrong` and left out.
CommandWords sort_command_words(std::span<const char* const> arguments, bool is_server,
                                const std::function<void(std::string_view)>& wrong);

}  // namespace mptunnel
