// What mpclient.conf and mpserver.conf say, as values. Text comes in; a value, or the list of all mistakes,
// goes out. What it is not: a reader of files, a resolver of names or a loader of keys. It opens nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/log_level.h"
#include "mptunnel/base/secret_text.h"
#include "mptunnel/base/time.h"
#include "mptunnel/config/address.h"
#include "mptunnel/config/limits.h"
#include "mptunnel/config/tun_config.h"

namespace mptunnel {

struct ConfigError {
  std::string file;
  int line = 1;        ///< from 1; the last line if something is missing from the whole file
  std::string reason;  ///< what is wrong, and what would be right
};

/// "FILE:LINE: what is wrong, and what would be right"
std::string to_string(const ConfigError& error);

/// One path, as its line describes it.
struct BridgeConfig {
  HostPort remote;
  /// As given, else "HOST:PORT", followed by "@INTERFACE" (the value of `dev=`) and "@ADDRESS" if `dev` and
  /// `bind` are given. No two bridges have the same.
  std::string name;
  bool is_named = false;         ///< `name` is as given
  std::optional<Endpoint> bind;  ///< the address to send from; its port is 0 if any will do
  std::string bind_zone;         ///< the interface that `bind` names, which is the one of `devices` then
  /// The interfaces to send from, as names with '*' and '?'; see is_pattern(). Empty if routing decides.
  std::vector<std::string> devices;
  bool backup = false;   ///< carries no copies while enough other paths are up
  Duration delay{};      ///< 0 to kLongestDelay; its copies leave so much later than those of other bridges
  bool metered = false;  ///< a backup that is probed as rarely as possible; `backup` is set too
  int line = 0;
};

/// Which cipher to offer and accept. AES-256-GCM is used if both ends offer it, else ChaCha20-Poly1305.
enum class CipherChoice : std::uint8_t {
  automatic,          ///< AES-256-GCM if this processor has instructions for it
  aes_256_gcm,        ///< even if it has none
  chacha20_poly1305,  ///< no AES-256-GCM
};
/// As it is written: "auto", "aes-256-gcm", "chacha20-poly1305".
std::string_view name_of(CipherChoice choice);

/// What is brought back of the datagrams that all copies lost, and for how much.
struct RepairConfig {
  enum class Mode : std::uint8_t { automatic, none, fixed };
  Mode mode = Mode::automatic;
  double share = 0;        ///< fixed: REPAIR for each datagram, more than 0
  double residual = 1e-5;  ///< share of datagrams that may stay lost
  Duration delay = std::chrono::milliseconds{20};
  double budget = 0.5;  ///< bytes of REPAIR for each of datagrams, at most
};

/// Which paths a datagram goes by.
enum class SchedulerChoice : std::uint8_t { copies, fastest, aggregate, automatic };

/// Whether the datagrams of a flow are delivered in their order.
struct OrderConfig {
  enum class Mode : std::uint8_t { automatic, none, always };
  Mode mode = Mode::automatic;
  Duration max_hold = std::chrono::milliseconds{50};  ///< one waits for an earlier one for so long at most
};

/// The statements that both programs know.
struct CommonConfig {
  std::string key_file;  ///< relative to the same folder as the configuration's own name; empty: none
  int key_file_line = 0;
  std::optional<bool> encrypt;
  int encrypt_line = 0;
  CipherChoice cipher = CipherChoice::automatic;
  std::optional<bool> offload;
  int offload_line = 0;
  std::optional<LogLevel> log_level;
  Duration resolve_interval = std::chrono::minutes{5};  ///< 5 s to 24 h; names that work are looked up again
  bool copy_dscp = true;  ///< the DSCP of the application's datagrams stands in their copies too
  SchedulerChoice scheduler = SchedulerChoice::copies;  ///< of what this end sends
  RepairConfig repair;                                  ///< of what this end sends
  OrderConfig order;                                    ///< of what this end sends and delivers
  TunConfig tun;                                        ///< the device for IP packets
  bool has_control = true;                              ///< false: no socket for --status
  std::string control_path;  ///< relative as `key_file`; empty: the default under the runtime directory
};

struct ClientConfig {
  std::vector<ListenAddress> listen;  ///< at least one; localhost:3000 for both families if none is given
  std::vector<BridgeConfig> bridges;  ///< 1 to kMaxBridges, in the order of the file
  std::string client_id;              ///< empty: made from the machine and the configuration
  bool has_state = true;              ///< false: the secret of a client without a key dies with the process
  std::string state_path;             ///< relative as `key_file`; empty: the default
  /// Interfaces that no pattern of a bridge matches; names with '*' and '?'.
  std::vector<std::string> dev_exclude;
  std::size_t min_paths = 1;                      ///< 1 to kMaxBridges; backups carry copies below it
  Duration keepalive = std::chrono::seconds{10};  ///< 1 s to 60 s; between probes of an idle path
  std::uint32_t fwmark = 0;                       ///< SO_MARK of what goes to bridges; 0: none
  std::vector<Prefix> routes;  ///< networks that lead into the device; one of length 0 for all of a family
  CommonConfig common;
};

struct ServerConfig {
  std::vector<ListenAddress> listen;  ///< at least one
  std::optional<HostPort> target;     ///< there is a device without it
  std::string keys;                   ///< the file with a key for each client, as `key_file`; empty: none
  int keys_line = 0;
  std::size_t max_clients = 1024;             ///< 1 to kMostClients
  std::size_t max_clients_per_network = 256;  ///< as max_clients; of those without a key of their own
  bool client_to_client = false;              ///< whether clients' devices reach each other
  CommonConfig common;
};

/// Where the key comes from.
struct KeySource {
  enum class Kind : std::uint8_t { none, text, file };
  Kind kind = Kind::none;
  SecretText value;    ///< the key itself, never to be printed, or the file's name
  std::string origin;  ///< for messages: "--key-file", "MPTUNNEL_KEY", "mpclient.conf:7"
};

/// The common statements as one run uses them, after the command line and the environment have replaced some,
/// and where their values come from.
struct Settings {
  KeySource key_source;
  KeySource keys_source;  ///< mpserver's keyring: a file, or none
  /// For people to compare; empty without a key, and for each line of the keyring its name before it.
  std::string fingerprint;
  std::vector<std::string> named_fingerprints;
  bool encrypt = true;
  std::string encrypt_origin;  ///< for people: "default", "MPTUNNEL_ENCRYPT", "mpclient.conf:4"
  CipherChoice cipher = CipherChoice::automatic;
  SchedulerChoice scheduler = SchedulerChoice::copies;
  RepairConfig repair;
  OrderConfig order;
  bool offload = true;
  std::string offload_origin;  ///< as encrypt_origin
  LogLevel log_level = LogLevel::info;
  std::string control;          ///< the control socket: empty for the default, "none" for none
  std::string default_control;  ///< where that is; or why there is none, in words
  /// mpclient's state file, "none" for none. Empty: there is a key, and no file is named; or it is mpserver.
  std::string state;
};

/// Whether `dev=` may match several interfaces: it has several words, or a '*' or '?'. Else the bridge is
/// one path, over exactly devices.front() or, without any, as routing decides.
bool is_pattern(const BridgeConfig& bridge);

/// Whether `dev=` matches this interface, and perhaps others; false if the bridge has none.
bool matches_device(const BridgeConfig& bridge, std::string_view interface);

/// Whether `dev-exclude` leaves this interface out of all patterns.
bool is_excluded(const ClientConfig& config, std::string_view interface);

/// Says what is wrong with a key file; nullopt if it is good. The programs give one, so that a bad key
/// file is reported with all the other mistakes; an empty function checks nothing.
using KeyFileCheck = std::function<std::optional<std::string>(const std::string& path)>;

template <typename T>
using ConfigResult = tl::expected<T, std::vector<ConfigError>>;

/// `file_name` is the name that mistakes are reported under, and what relative paths are relative to. The
/// errors are in the order of their lines, and at least one if there is no value. `tun` is what the command
/// line says of the device: its addresses win over the statement.
ConfigResult<ClientConfig> parse_client_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file = {},
                                               const TunConfig& tun = {});
ConfigResult<ServerConfig> parse_server_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file = {},
                                               const TunConfig& tun = {});

}  // namespace mptunnel
