#include "mptunnel/apps/start.h"

#include <fmt/format.h>

#include <iterator>

#include "mptunnel/config/quantity.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/host/key_file.h"
#include "mptunnel/host/read_file.h"

namespace mptunnel {
namespace {

/// The key of the command line or the environment; nothing where there is none, or where it is wrong: then
/// `mistakes` has one more.
std::optional<SecretKey> load_key(const KeySource& source, std::vector<std::string>& mistakes) {
  if (source.kind == KeySource::Kind::none) return std::nullopt;
  auto key = source.kind == KeySource::Kind::text ? parse_key(source.value) : load_key_file(source.value);
  if (key) return *key;
  mistakes.push_back(fmt::format("{}: {}", source.origin, key.error()));
  return std::nullopt;
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
  } else if (auto config = parse(*text, line.config_path, check_key_file); !config) {
    for (const ConfigError& error : config.error()) mistakes.push_back(to_string(error));
  } else {
    start.config = std::move(*config);
  }
  if (!mistakes.empty())
    return tl::make_unexpected(StartError{.exit_code = kExitUsage, .lines = std::move(mistakes)});
  start.options = merge_options(line, start.config.common);
  start.options.key = std::move(key);
  return start;
}

/// Appends one line, "WHAT  VALUE".
template <typename... Args>
void add_line(std::string& text, std::string_view what, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(text), "{:<12}", what);
  fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
  text += '\n';
}

void add_listen(std::string& text, const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    add_line(text, "listen", "{}{}", address.endpoint.to_string(),
             address.may_be_missing ? " (where this host has IPv6)" : "");
  }
}

void add_bridge(std::string& text, const BridgeConfig& bridge) {
  std::string from;
  if (bridge.bind) {
    from += " from " + (bridge.bind->port == 0 ? bridge.bind->address_string() : bridge.bind->to_string());
  }
  if (!bridge.devices.empty()) {
    from += is_pattern(bridge) ? " over each of " : " over ";
    from += fmt::format("{}", fmt::join(bridge.devices, ", "));
  }
  const std::string_view kind = bridge.metered ? ", metered" : bridge.backup ? ", backup" : "";
  add_line(text, "bridge", "{}{}, called {}{}", to_string(bridge.remote), from, bridge.name, kind);
}

void add_common(std::string& text, const CommonConfig& config) {
  add_line(text, "resolve", "every {}", duration_text(config.resolve_interval));
  add_line(text, "dscp", "{}", config.copy_dscp ? "copy" : "none");
}

void add_options(std::string& text, const StartOptions& options) {
  switch (options.key_source.kind) {
    case KeySource::Kind::none:
      add_line(text, "key", "none");
      break;
    case KeySource::Kind::text:
      add_line(text, "key", "set ({})", options.key_source.origin);
      break;
    case KeySource::Kind::file:
      add_line(text, "key", "in {} ({})", options.key_source.value, options.key_source.origin);
      break;
  }
  add_line(text, "encryption", "{} ({})", options.encrypt ? "yes" : "no", options.encrypt_origin);
  if (options.encrypt) add_line(text, "cipher", "{}", name_of(options.cipher));
  add_line(text, "offload", "{} ({})", options.offload ? "yes" : "no", options.offload_origin);
  add_line(text, "log level", "{}", name_of(options.log_level));
  if (options.daemon) add_line(text, "daemon", "yes");
  if (!options.pid_file.empty()) add_line(text, "pid file", "{}", options.pid_file);
  add_line(text, "control", "{}", options.control.empty() ? "in the runtime directory" : options.control);
}

std::string check_title(const StartOptions& options) {
  return fmt::format("{}: no mistakes\n", options.config_path.empty() ? "command line" : options.config_path);
}

}  // namespace

bool offers_aes(CipherChoice choice) {
  return choice == CipherChoice::automatic ? has_fast_aes() : choice == CipherChoice::aes_256_gcm;
}

std::string control_of(const CommandLine& line, const CommonConfig& config) {
  if (!line.control.empty()) return line.control;
  return config.has_control ? config.control_path : "none";
}

StartOptions merge_options(const CommandLine& line, const CommonConfig& config) {
  const auto in_file = [&line](int number) { return fmt::format("{}:{}", line.config_path, number); };
  StartOptions options;
  options.key_source = line.key;
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
  return load<ClientStart>(line, parse_client_config);
}

tl::expected<ServerStart, StartError> load_server_start(const CommandLine& line) {
  if (!line.positional) return load<ServerStart>(line, parse_server_config);
  std::vector<std::string> mistakes;
  auto key = load_key(line.key, mistakes);
  if (!mistakes.empty())
    return tl::make_unexpected(StartError{.exit_code = kExitUsage, .lines = std::move(mistakes)});
  ServerStart start{.config = *line.positional, .options = merge_options(line, line.positional->common)};
  start.options.key = std::move(key);
  return start;
}

std::string render_check(const ClientStart& start) {
  std::string text = check_title(start.options);
  add_listen(text, start.config.listen);
  for (const BridgeConfig& bridge : start.config.bridges) add_bridge(text, bridge);
  if (!start.config.dev_exclude.empty())
    add_line(text, "dev-exclude", "{}", fmt::join(start.config.dev_exclude, ", "));
  add_line(text, "min-paths", "{}", start.config.min_paths);
  add_line(text, "keepalive", "every {}", duration_text(start.config.keepalive));
  if (!start.config.client_id.empty()) add_line(text, "client-id", "{}", start.config.client_id);
  add_common(text, start.config.common);
  add_options(text, start.options);
  return text;
}

std::string render_check(const ServerStart& start) {
  std::string text = check_title(start.options);
  add_listen(text, start.config.listen);
  add_line(text, "target", "{}", to_string(start.config.target));
  add_common(text, start.config.common);
  add_options(text, start.options);
  return text;
}

}  // namespace mptunnel
