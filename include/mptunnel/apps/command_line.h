// The command lines of mpclient and mpserver, and the environment, as values or as the list of all mistakes.
// What it is not: a reader of files; see start.h, which joins this with the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/log_level.h"
#include "mptunnel/base/secret_text.h"
#include "mptunnel/config/config.h"
#include "mptunnel/config/statement.h"
#include "mptunnel/host/system.h"

namespace mptunnel {

/// What both programs read of the environment; nullopt if a variable is not set. One of them is a secret.
struct Environment {
  std::optional<SecretText> encrypt;   ///< MPTUNNEL_ENCRYPT
  std::optional<SecretText> key;       ///< MPTUNNEL_KEY
  std::optional<SecretText> key_file;  ///< MPTUNNEL_KEY_FILE
};

/// This process's environment. MPTUNNEL_KEY is wiped from it, where it stands in memory too, so that neither
/// /proc/PID/environ nor a later look shows it. Not while other threads read the environment.
Environment take_environment();

/// What --status prints.
enum class StatusForm : std::uint8_t { table, wide_table, json, health };

enum class Action : std::uint8_t { run, check, status, reload, genkey, version, help };

struct CommandLine {
  Action action = Action::run;
  std::string text;                        ///< what version and help print, with its last newline
  std::string config_path;                 ///< empty in mpserver's form without a file, and if --status
                                           ///< or --reload has none
  std::optional<ServerConfig> positional;  ///< mpserver's PORT TARGET_HOST TARGET_PORT
  TunConfig tun;                           ///< --tun: only the addresses
  KeySource key;                           ///< of the command line, else of the environment
  std::string keys;                        ///< --keys; empty: not given
  std::string key_name;                    ///< --genkey NAME; empty: a key that needs no name
  std::optional<bool> encrypt;             ///< MPTUNNEL_ENCRYPT
  std::optional<LogLevel> log_level;
  std::optional<bool> offload;
  bool daemon = false;
  std::string pid_file;  ///< empty: none
  std::string control;   ///< the control socket; empty if nothing is said, "none" if there shall be none
  StatusForm status_form = StatusForm::table;
  /// --status and --reload of mpserver's form without a file may name the port alone.
  std::optional<std::uint16_t> status_port;

  /// Whether a running instance is asked, and nothing else done.
  [[nodiscard]] bool asks_instance() const { return action == Action::status || action == Action::reload; }
};

/// Why a program does not start.
struct StartError {
  int exit_code = kExitUsage;
  std::vector<std::string> lines;  ///< for standard error, one for each mistake
};

/// Writes the lines to standard error; returns the exit code.
int report(const StartError& error);

/// `version` is printed by --version. Every mistake is in the error; a command line without arguments gives
/// the usage. --help and --version win over everything else on the line.
tl::expected<CommandLine, StartError> parse_command_line(Program program, int argc, const char* const* argv,
                                                         const Environment& environment,
                                                         std::string_view version);

}  // namespace mptunnel
