#include "mptunnel/apps/start.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <variant>

#include "mptunnel/config/statement.h"
#include "mptunnel/control/control_path.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/host/address_file.h"
#include "mptunnel/host/log.h"
#include "mptunnel/host/read_file.h"
#include "mptunnel/host/state_file.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {
namespace {

/// The key of the command line or the environment; nullopt if there is none, or if it is wrong: then
/// `mistakes` has one more.
std::optional<SecretKey> load_key(const KeySource& source, std::vector<std::string>& mistakes) {
  if (source.kind == KeySource::Kind::none) return std::nullopt;
  const std::string& value = source.value.text();
  auto key = source.kind == KeySource::Kind::text ? parse_key(value) : load_key_file(value);
  if (key) return *key;
  mistakes.push_back(fmt::format("{}: {}", source.origin, key.error()));
  return std::nullopt;
}

/// The command line with the names of its files as systemd's credentials have them.
CommandLine with_credentials(CommandLine line) {
  const char* const variable = std::getenv("CREDENTIALS_DIRECTORY");
  const std::string directory = variable == nullptr ? "" : variable;
  line.keys = credential_path(line.keys, directory);
  if (line.key.kind == KeySource::Kind::file)
    line.key.value = SecretText(credential_path(line.key.value.text(), directory));
  return line;
}

void add_warning(const KeySource& source, const SecretFileWords& words, std::vector<std::string>& warnings) {
  if (source.kind != KeySource::Kind::file) return;
  if (auto warning = secret_file_warning(source.value.text(), words)) warnings.push_back(std::move(*warning));
}

/// What the two together can't mean.
std::optional<StartError> clash(const StartOptions& options, const CommonConfig& config) {
  if (options.encrypt || !config.tun.is_on()) return std::nullopt;
  return StartError{.exit_code = kExitUsage,
                    .lines = {fmt::format("'tun' carries nothing in the clear: leave it out, or encrypt ({})",
                                          options.encrypt_origin)}};
}

/// What was read, with the options and the key.
template <typename Start>
tl::expected<Start, StartError> complete(Start start, const CommandLine& line,
                                         const std::optional<SecretKey>& key) {
  start.options = merge_options(line, start.config.common);
  if (auto error = clash(start.options, start.config.common)) return tl::make_unexpected(std::move(*error));
  start.options.key = key;
  add_warning(start.options.key_source, kKeyFileWords, start.options.warnings);
  return start;
}

/// `parse` is parse_client_config or parse_server_config, `Start` what fits it.
template <typename Start, typename Parse>
tl::expected<Start, StartError> load(const CommandLine& line, Parse parse) {
  std::vector<std::string> mistakes;
  std::optional<SecretKey> key = load_key(line.key, mistakes);
  // A key-file that loses against the command line or the environment is not looked at.
  KeyFileCheck check_key_file;
  if (line.key.kind == KeySource::Kind::none) {
    check_key_file = [&key](const std::string& path) -> std::optional<std::string> {
      auto loaded = load_key_file(path);
      if (!loaded) return loaded.error();
      key = *loaded;
      return std::nullopt;
    };
  }
  Start start;
  const auto text = read_file(line.config_path, kMaxConfigBytes);
  if (!text) {
    mistakes.push_back(text.error());
  } else if (auto config = parse(*text, line.config_path, check_key_file, line.tun); !config) {
    for (const ConfigError& error : config.error()) mistakes.push_back(to_string(error));
  } else {
    start.config = std::move(*config);
  }
  if (!mistakes.empty())
    return tl::make_unexpected(StartError{.exit_code = kExitUsage, .lines = std::move(mistakes)});
  return complete(std::move(start), line, key);
}

/// mpserver's form without a file.
tl::expected<ServerStart, StartError> load_positional(const CommandLine& line) {
  std::vector<std::string> mistakes;
  auto key = load_key(line.key, mistakes);
  if (!mistakes.empty())
    return tl::make_unexpected(StartError{.exit_code = kExitUsage, .lines = std::move(mistakes)});
  ServerStart start;
  start.config = *line.positional;
  return complete(std::move(start), line, key);
}

/// As Settings::keys_source.
KeySource keys_source(const CommandLine& line, const ServerConfig& config) {
  const std::string in_file = fmt::format("{}:{}", line.config_path, config.keys_line);
  if (line.keys.empty() && config.keys.empty()) return {};
  if (line.keys.empty()) return {KeySource::Kind::file, config.keys, in_file};
  return {KeySource::Kind::file, line.keys,
          config.keys.empty() ? "--keys" : "--keys, which wins over " + in_file};
}

/// What `path` means from the present folder on.
std::string absolute(const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error);
  return error ? path : whole.string();
}

/// As Settings::state.
std::string state_of(const ClientConfig& config, bool has_key) {
  if (has_key || !config.state_path.empty()) return config.state_path;
  if (!config.has_state) return "none";
  return default_state_path(current_state_user());
}

/// What a client's identity is bound to: the key, or else a secret of its own.
tl::expected<SecretKey, std::string> identity_secret(const ClientStart& start, RandomSource& random) {
  if (start.options.key) return *start.options.key;
  if (start.options.state != "none") {
    auto kept = keep_secret(start.options.state, random);
    if (kept) return *kept;
    // The default file is a service that may fail; one that was asked for may not.
    if (!start.config.state_path.empty()) return tl::make_unexpected(std::move(kept.error().text));
    log_line(
        kept.error().is_there ? LogLevel::error : LogLevel::warning,
        fmt::format("{}; after a restart mpserver sees a new client. Name a file with 'state FILE', write "
                    "'state none' if that is what you want, or set a key",
                    kept.error().text));
  }
  SecretKey secret;
  random.fill(secret.bytes);
  return secret;
}

void add_line(std::string& text, std::string_view what, std::string_view value) {
  fmt::format_to(std::back_inserter(text), "{:<12}{}\n", what, value);
}

void add_lines(std::string& text, const Statement& statement, const CheckLines& lines) {
  for (const std::string& line : lines)
    add_line(text, statement.label.empty() ? statement.word : statement.label, line);
}

/// What the configuration alone decides.
template <typename Config>
void add_config(std::string& text, const Config& config) {
  for (const Statement& statement : statements()) {
    if (const auto* show = std::get_if<ShowStatement<Config>>(&statement.show)) {
      add_lines(text, statement, (*show)(config));
    } else if (const auto* show_common = std::get_if<ShowStatement<CommonConfig>>(&statement.show)) {
      add_lines(text, statement, (*show_common)(config.common));
    }
  }
}

/// What the command line and the environment have their say in.
void add_options(std::string& text, const StartOptions& options) {
  for (const Statement& statement : statements()) {
    if (statement.word == "control") {  // after the other things that the process leaves on the system
      if (options.daemon) add_line(text, "daemon", "yes");
      if (!options.pid_file.empty()) add_line(text, "pid file", options.pid_file);
    }
    if (const auto* show = std::get_if<ShowStatement<Settings>>(&statement.show))
      add_lines(text, statement, (*show)(options));
  }
  for (const std::string& warning : options.warnings) add_line(text, "warning", warning);
}

/// What says which key, and where the control socket is; no key's text.
void describe(StartOptions& options, Program program, const std::vector<ListenAddress>& listen) {
  if (options.key) options.fingerprint = key_fingerprint(*options.key);
  if (options.named_keys) {
    for (const NamedKey& key : *options.named_keys)
      options.named_fingerprints.push_back(key.name + ": " + key_fingerprint(key.key));
  }
  if (listen.empty()) return;
  const auto folder = control_folder(current_user(), false);
  options.default_control =
      folder
          ? fmt::format("{}/{}", *folder, control_socket_name(name_of(program), listen.front().endpoint.port))
          : "none: " + folder.error();
}

template <typename Start>
std::string render(const Start& start) {
  const std::string& file = start.options.config_path;
  std::string text = fmt::format("{}: no mistakes\n", file.empty() ? "command line" : file);
  add_config(text, start.config);
  add_options(text, start.options);
  return text;
}

}  // namespace

bool offers_aes(CipherChoice choice) {
  return choice == CipherChoice::automatic ? has_fast_aes() : choice == CipherChoice::aes_256_gcm;
}

std::optional<RepairSettings> repair_settings(const CommonConfig& config) {
  const RepairConfig& repair = config.repair;
  if (repair.mode == RepairConfig::Mode::none) return std::nullopt;
  RepairSettings settings{repair.residual, repair.delay, repair.budget, {}};
  if (repair.mode == RepairConfig::Mode::fixed) settings.fixed = repair.share;
  return settings;
}

SchedulerMode scheduler_mode(const CommonConfig& config) {
  switch (config.scheduler) {
    case SchedulerChoice::copies:
      return SchedulerMode::copies;
    case SchedulerChoice::fastest:
      return SchedulerMode::fastest;
    case SchedulerChoice::aggregate:
      return SchedulerMode::aggregate;
    case SchedulerChoice::automatic:
      return SchedulerMode::automatic;
  }
  return SchedulerMode::copies;
}

OrderSettings order_settings(const CommonConfig& config) {
  const OrderConfig& order = config.order;
  switch (order.mode) {
    case OrderConfig::Mode::none:
      return {};
    case OrderConfig::Mode::automatic:
      // What repair brings is there within its delay.
      return {OrderSettings::Mode::automatic, std::min(order.max_hold, config.repair.delay), order.max_hold};
    case OrderConfig::Mode::always:
      return {OrderSettings::Mode::always, order.max_hold, order.max_hold};
  }
  return {};
}

std::string control_of(const CommandLine& line, const CommonConfig& config) {
  if (!line.control.empty()) return line.control;
  return config.has_control ? config.control_path : "none";
}

std::optional<std::vector<InnerEntry>> wanted_inner(const TunConfig& config) {
  if (!config.is_on()) return std::nullopt;
  std::vector<InnerEntry> wanted;
  if (config.is_automatic) {
    for (const Family family : {Family::ipv4, Family::ipv6})
      wanted.push_back({InnerKind::automatic, {.family = family}});
  }
  for (const AddressPrefix& own : config.addresses)
    wanted.push_back({InnerKind::address, inner_prefix(own.address, own.length)});
  for (const Prefix& network : config.allow)
    wanted.push_back({InnerKind::network, inner_prefix(network.address, network.length)});
  return wanted;
}

std::optional<InnerSettings> inner_settings(const ServerConfig& config) {
  if (!config.common.tun.is_on()) return std::nullopt;
  return InnerSettings{config.common.tun.addresses, config.common.tun.allow, config.client_to_client,
                       config.common.copy_dscp};
}

StartOptions merge_options(const CommandLine& line, const CommonConfig& config) {
  const auto in_file = [&line](int number) { return fmt::format("{}:{}", line.config_path, number); };
  StartOptions options;
  options.key_source = line.key;
  // What says where the key comes from lives for as long as the program; the key's text does not.
  if (line.key.kind == KeySource::Kind::text) options.key_source.value = {};
  if (!config.key_file.empty()) {
    if (line.key.kind == KeySource::Kind::none) {
      options.key_source = {
          .kind = KeySource::Kind::file, .value = config.key_file, .origin = in_file(config.key_file_line)};
    } else {
      options.key_source.origin += ", which wins over " + in_file(config.key_file_line);
    }
  }
  options.encrypt = line.encrypt.value_or(config.encrypt.value_or(true));
  options.encrypt_origin = config.encrypt ? in_file(config.encrypt_line) : "default";
  if (line.encrypt) {
    options.encrypt_origin =
        config.encrypt ? "MPTUNNEL_ENCRYPT, which wins over " + options.encrypt_origin : "MPTUNNEL_ENCRYPT";
  }
  options.cipher = config.cipher;
  options.scheduler = config.scheduler;
  options.repair = config.repair;
  options.order = config.order;
  options.offload = line.offload.value_or(config.offload.value_or(true));
  options.offload_origin = line.offload     ? "--offload"
                           : config.offload ? in_file(config.offload_line)
                                            : "default";
  options.log_level = line.log_level.value_or(config.log_level.value_or(LogLevel::info));
  options.daemon = line.daemon;
  options.pid_file = line.pid_file;
  options.control = control_of(line, config);
  options.config_path = line.config_path;
  return options;
}

tl::expected<ClientStart, StartError> load_client_start(const CommandLine& line) {
  auto start = load<ClientStart>(with_credentials(line), parse_client_config);
  if (!start) return start;
  start->options.state = state_of(start->config, start->options.key.has_value());
  describe(start->options, Program::mpclient, start->config.listen);
  return start;
}

std::string address_path(const ClientStart& start) {
  if (!start.config.has_state) return {};
  if (!start.config.state_path.empty()) return absolute(start.config.state_path + ".addresses");
  return default_address_path(current_state_user());
}

tl::expected<ClientIdentity, std::string> client_identity(const ClientStart& start, RandomSource& random) {
  auto secret = identity_secret(start, random);
  if (!secret) return tl::make_unexpected(std::move(secret.error()));
  if (!start.config.client_id.empty()) return derive_client_identity(*secret, start.config.client_id);
  std::string listen;
  for (const ListenAddress& address : start.config.listen) listen += to_string(address) + ' ';
  return derive_client_identity(*secret, machine_id(), listen, absolute(start.options.config_path));
}

tl::expected<ServerStart, StartError> load_server_start(const CommandLine& line) {
  const CommandLine found = with_credentials(line);
  auto start = found.positional ? load_positional(found) : load<ServerStart>(found, parse_server_config);
  if (!start) return start;
  StartOptions& options = start->options;
  options.keys_source = keys_source(found, start->config);
  add_warning(options.keys_source, kKeyringWords, options.warnings);
  if (options.keys_source.kind == KeySource::Kind::file)
    start->key_files.keyring = absolute(options.keys_source.value.text());
  if (options.key_source.kind == KeySource::Kind::file) {
    start->key_files.shared = absolute(options.key_source.value.text());
  } else {
    start->key_files.fixed = options.key;
  }
  // The shared key is there already; the keyring is judged beside it.
  auto keys = load_server_keys({.shared = {}, .fixed = options.key, .keyring = start->key_files.keyring});
  if (!keys)
    return tl::make_unexpected(StartError{.exit_code = kExitUsage, .lines = std::move(keys.error())});
  options.named_keys = std::move(keys->named);
  describe(options, Program::mpserver, start->config.listen);
  return start;
}

std::string render_check(const ClientStart& start) {
  std::string text = render(start);
  if (start.config.fwmark != 0 && !may_mark_packets()) add_line(text, "note", kNoMark);
  return text;
}

std::string render_check(const ServerStart& start) {
  return render(start);
}

}  // namespace mptunnel
