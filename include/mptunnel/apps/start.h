// What a program runs with: the command line, the environment, the configuration and the key, joined.
// It reads the configuration, the key file and the state file, and nothing else; no name is looked up and no
// socket opened.
//
// What wins: the key of the command line, then of the environment, then of the configuration;
// MPTUNNEL_ENCRYPT before `encrypt`; --log-level before `log-level`; --offload before `offload`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/apps/command_line.h"
#include "mptunnel/apps/server_keys.h"
#include "mptunnel/base/random.h"
#include "mptunnel/config/config.h"
#include "mptunnel/crypto/key.h"
#include "mptunnel/repair/repair_control.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/session/inner_routes.h"
#include "mptunnel/session/order_settings.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// Why `fwmark` can't be had.
inline constexpr std::string_view kNoMark =
    "fwmark, which 'route default' has as well, needs the capability CAP_NET_ADMIN, which this process has "
    "not: run it as root, or give it the capability (systemd: AmbientCapabilities=CAP_NET_ADMIN)";

/// What both programs have. Its key_source has no key's text: that goes once the key is read.
struct StartOptions : Settings {
  std::optional<SecretKey> key;  ///< set by load_*(), unless key_source says none
  /// mpserver's keyring; nullopt if there is none.
  std::optional<std::vector<NamedKey>> named_keys;
  bool daemon = false;
  std::string pid_file;               ///< empty: none
  std::string config_path;            ///< as given; empty in mpserver's form without a file
  std::vector<std::string> warnings;  ///< of the files that were read: to be logged
};

struct ClientStart {
  ClientConfig config;
  StartOptions options;
};

struct ServerStart {
  ServerConfig config;
  KeyFiles key_files;  ///< what to read again
  StartOptions options;
};

/// Whether AES-256-GCM is offered and accepted.
bool offers_aes(CipherChoice choice);

/// What the engines are to repair; nullopt: nothing.
std::optional<RepairSettings> repair_settings(const CommonConfig& config);
/// Which paths the engines send by.
SchedulerMode scheduler_mode(const CommonConfig& config);
/// What the engines are to deliver in order.
OrderSettings order_settings(const CommonConfig& config);

/// What the client's device is to have; nullopt: there is none.
std::optional<std::vector<InnerEntry>> wanted_inner(const TunConfig& config);
/// What the server's device gives; nullopt: there is none.
std::optional<InnerSettings> inner_settings(const ServerConfig& config);

/// Joins the two without reading anything; the key is not loaded.
StartOptions merge_options(const CommandLine& line, const CommonConfig& config);

/// The control socket of an instance that runs with the two: as StartOptions::control.
std::string control_of(const CommandLine& line, const CommonConfig& config);

/// Reads the configuration that the command line names, and the key. The error has all mistakes of both.
/// `line` is one for Action::run or Action::check.
tl::expected<ClientStart, StartError> load_client_start(const CommandLine& line);
tl::expected<ServerStart, StartError> load_server_start(const CommandLine& line);

/// Where the addresses at which bridges answered are kept for the next start: beside the state file, whether
/// that is used or not. Absolute; empty after 'state none'.
std::string address_path(const ClientStart& start);

/// The same after a restart, and another one for another instance on this host. Without a key it is bound to
/// the secret in the state file, which is made if there is none; or, with a warning in the log, to one of
/// this process alone, if that file was not asked for and can't be used. To be called before the current
/// folder changes. The error is for people.
tl::expected<ClientIdentity, std::string> client_identity(const ClientStart& start, RandomSource& random);

/// What --check prints: what was understood, a line for each thing, and where it comes from. Never the key.
std::string render_check(const ClientStart& start);
std::string render_check(const ServerStart& start);

}  // namespace mptunnel
