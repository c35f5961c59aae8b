#include "mptunnel/apps/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <tuple>

#include "mptunnel/apps/command_options.h"
#include "mptunnel/config/text.h"
#include "mptunnel/config/value.h"

namespace mptunnel {
namespace {

class CommandLineParser {
 public:
  CommandLineParser(Program program, const Environment& environment)
      : program_(program), environment_(environment) {}

  tl::expected<CommandLine, StartError> parse(std::span<const char* const> arguments,
                                              std::string_view version) {
    if (arguments.empty()) return tl::make_unexpected(usage());
    raw_ = sort_command_words(arguments, program_, [this](std::string_view why) { wrong(why); });
    if (raw_.help) return printing(Action::help, help_text(program_));
    if (raw_.version) return printing(Action::version, fmt::format("{} {}\n", name_of(program_), version));
    read_action();
    if (line_.action != Action::genkey) {
      read_options();
      read_tun_options();
      // Whoever asks a running instance needs no key, and may have none.
      if (!line_.asks_instance()) {
        read_key();
        read_encrypt();
      }
      if (program_ == Program::mpclient) {
        read_client_arguments();
      } else {
        read_server_arguments();
      }
    }
    if (mistakes_.empty()) return std::move(line_);
    mistakes_.push_back(fmt::format("Try '{} --help'.", name_of(program_)));
    return tl::make_unexpected(StartError{.exit_code = kExitUsage, .lines = std::move(mistakes_)});
  }

 private:
  void wrong(std::string_view reason) {
    mistakes_.push_back(fmt::format("{}: {}", name_of(program_), reason));
  }
  template <typename... Args>
  void wrong(fmt::format_string<Args...> reason, Args&&... args) {
    wrong(std::string_view(fmt::format(reason, std::forward<Args>(args)...)));
  }

  static CommandLine printing(Action action, std::string text) {
    CommandLine line;
    line.action = action;
    line.text = std::move(text);
    return line;
  }

  [[nodiscard]] StartError usage() const {
    StartError error;
    std::string_view text = usage_text(program_);
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      error.lines.emplace_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    error.lines.push_back(fmt::format("Try '{} --help'.", name_of(program_)));
    return error;
  }

  void read_action() {
    const std::array<std::tuple<bool, std::string_view, Action>, 4> actions{
        {{raw_.check, "--check", Action::check},
         {raw_.genkey, "--genkey", Action::genkey},
         {raw_.status, "--status", Action::status},
         {raw_.reload, "--reload", Action::reload}}};
    std::string_view first;
    for (const auto& [is_given, option, action] : actions) {
      if (!is_given) continue;
      line_.action = action;
      if (!first.empty()) wrong("{} and {} are two different things to do: give one of them", first, option);
      first = option;
    }
    read_status_form();
    if (line_.action != Action::genkey || raw_.positionals.empty()) return;
    if (raw_.positionals.size() > 1) {
      return wrong("--genkey takes one name at most, and there is also {}", quote_word(raw_.positionals[1]));
    }
    auto name = parse_name_word(raw_.positionals.front(), "name");
    if (!name) return wrong("--genkey: " + name.error());
    line_.key_name = std::move(*name);
  }

  void read_status_form() {
    const std::array<std::tuple<bool, std::string_view, StatusForm>, 3> forms{
        {{raw_.json, "--json", StatusForm::json},
         {raw_.wide, "--wide", StatusForm::wide_table},
         {raw_.healthy, "--healthy", StatusForm::health}}};
    std::string_view first;
    for (const auto& [is_given, option, form] : forms) {
      if (!is_given) continue;
      line_.status_form = form;
      if (!raw_.status) wrong("{0} says how --status prints: write '--status {0}'", option);
      if (!first.empty()) wrong("{} and {} are two ways to print: give one of them", first, option);
      first = option;
    }
  }

  /// The value of an option that may be given once.
  std::optional<std::string> single(std::string_view option, const std::vector<std::string>& values) {
    if (values.empty()) return std::nullopt;
    if (values.size() > 1) wrong("{} is given {} times: give it once", option, values.size());
    return values.front();
  }

  void read_options() {
    line_.daemon = raw_.daemon;
    line_.pid_file = single("--pid-file", raw_.pid_file).value_or("");
    line_.control = single("--control", raw_.control).value_or("");
    line_.keys = single("--keys", raw_.keys).value_or("");
    if (const auto word = single("--log-level", raw_.log_level)) {
      const auto level = parse_level(*word);
      if (!level) wrong("--log-level: " + level.error());
      if (level) line_.log_level = *level;
    }
    if (const auto word = single("--offload", raw_.offload)) {
      const auto offload = parse_either(*word, "--offload", "yes|no");
      if (!offload) wrong("--offload: " + offload.error());
      if (offload) line_.offload = *offload;
    }
  }

  void read_tun_options() {
    for (const std::string& word : raw_.tun) {
      if (word == "auto" && program_ == Program::mpclient) {
        line_.tun.is_automatic = true;
        if (raw_.tun.size() > 1) wrong("--tun auto has mpserver choose all addresses: give it alone");
        continue;
      }
      auto address = parse_tun_address(word);
      if (!address) {
        wrong("--tun: " + address.error());
      } else if (line_.tun.addresses.size() == kMaxTunAddresses) {
        return wrong("--tun: {} is one too many: give at most {} addresses", quote_word(word),
                     kMaxTunAddresses);
      } else {
        line_.tun.addresses.push_back(*address);
      }
    }
  }

  void take_key_file(std::string_view origin, const std::string& file) {
    line_.key = {.kind = KeySource::Kind::file, .value = file, .origin = std::string(origin)};
    if (!looks_like_key(file)) return;
    wrong(
        "{} is followed by a key itself: put the key in a file that only you can read, and give that "
        "file's name",
        origin);
  }

  /// An empty variable is a mistake, never "no key": MPTUNNEL_KEY=$(cat FILE) of a missing file is empty.
  void read_key() {
    const auto& [encrypt, key, key_file] = environment_;
    if (key && key->empty()) wrong("MPTUNNEL_KEY is empty: set it to a key, or unset it");
    if (key_file && key_file->empty())
      wrong("MPTUNNEL_KEY_FILE is empty: set it to a file's name, or unset it");
    if (const auto file = single("--key-file", raw_.key_file)) return take_key_file("--key-file", *file);
    if (key && key_file) return wrong("MPTUNNEL_KEY and MPTUNNEL_KEY_FILE are both set: unset one of them");
    if (key) line_.key = {.kind = KeySource::Kind::text, .value = *key, .origin = "MPTUNNEL_KEY"};
    if (key_file) take_key_file("MPTUNNEL_KEY_FILE", key_file->text());
  }

  void read_encrypt() {
    if (!environment_.encrypt) return;
    const std::string& value = environment_.encrypt->text();
    if (value != "0" && value != "1") {
      return wrong(
          "MPTUNNEL_ENCRYPT is {}: set it to 0 for no encryption or to 1 for encryption, or unset "
          "it",
          quote_word(value));
    }
    line_.encrypt = value == "1";
  }

  /// Whether one word stands there, which is then a file's name.
  bool read_config_path() {
    if (raw_.positionals.size() != 1 || raw_.positionals.front().empty()) return false;
    line_.config_path = raw_.positionals.front();
    return true;
  }

  /// --status without arguments asks the only instance, or that of --control.
  [[nodiscard]] bool asks_without_arguments() const {
    return line_.asks_instance() && raw_.positionals.empty();
  }

  void read_client_arguments() {
    if (read_config_path() || asks_without_arguments()) return;
    if (raw_.positionals.size() == 3 && is_digits(raw_.positionals.front())) {
      return wrong(
          "PORT TARGET_HOST TARGET_PORT are mpserver's arguments: give mpclient a configuration file");
    }
    if (raw_.positionals.size() <= 1)
      return wrong("there is no configuration file: write 'mpclient mpclient.conf'");
    wrong("there are {} arguments: give one configuration file", raw_.positionals.size());
  }

  void read_server_arguments() {
    const auto& words = raw_.positionals;
    if (asks_without_arguments()) return;
    if (words.size() == 3) return read_server_positionals();
    if (words.size() == 1 && is_digits(words.front())) {
      if (line_.asks_instance()) return read_status_port();
      if (!raw_.tun.empty()) return read_server_positionals();
      return wrong(
          "the target is missing: write 'mpserver {0} TARGET_HOST TARGET_PORT', 'mpserver --tun "
          "ADDRESS/PREFIX {0}' for IP packets, or './{0}' for a configuration file of that name",
          words.front());
    }
    if (read_config_path()) {
      if (!raw_.listen.empty()) {
        wrong(
            "--listen is for the form with PORT: write 'listen ADDRESS:PORT' in the configuration file "
            "instead");
      }
      return;
    }
    if (words.size() == 2) {
      if (const auto target = parse_host_port(words[1]); target && parse_port(words[0])) {
        return wrong("the target's host and port are two arguments: write 'mpserver {} {} {}'", words[0],
                     target->host, target->port);
      }
    }
    wrong(
        "there are {} arguments: write 'mpserver PORT TARGET_HOST TARGET_PORT' or 'mpserver "
        "mpserver.conf'",
        words.size());
  }

  void read_status_port() {
    const auto port = parse_port(raw_.positionals.front());
    if (!port) return wrong("PORT: " + port.error());
    line_.status_port = *port;
  }

  /// PORT TARGET_HOST TARGET_PORT, or beside --tun PORT alone.
  void read_server_positionals() {
    ServerConfig config;
    config.common.tun = line_.tun;
    const auto port = parse_port(raw_.positionals[0]);
    if (!port) wrong("PORT: " + port.error());
    const bool has_target = raw_.positionals.size() > 1;
    if (has_target) config.target = read_positional_target();
    if (raw_.listen.empty()) raw_.listen.emplace_back("*");
    // The addresses are checked even if the port is wrong; any port will do for that.
    for (const std::string& address : raw_.listen) add_listen(address, port.value_or(1), config.listen);
    if (!port || (has_target && !config.target)) return;
    if (const auto loop = config.target ? loop_error(*config.target, config.listen, "target") : std::nullopt)
      wrong(*loop);
    line_.positional = std::move(config);
  }

  std::optional<HostPort> read_positional_target() {
    auto host = parse_host(raw_.positionals[1]);
    if (!host) wrong("TARGET_HOST: " + host.error());
    if (const auto no_zone = host ? zone_error(*host) : std::nullopt) wrong("TARGET_HOST: " + *no_zone);
    const auto port = parse_port(raw_.positionals[2]);
    if (!port) wrong("TARGET_PORT: " + port.error());
    if (!host || !port) return std::nullopt;
    return HostPort{.host = std::move(*host), .port = *port};
  }

  void add_listen(std::string_view word, std::uint16_t port, std::vector<ListenAddress>& addresses) {
    const auto parsed = parse_listen_address(word, port);
    if (!parsed) {
      const bool has_port = !is_digits(word) && parse_listen(word, ListenDefault::all);
      return wrong(has_port
                       ? fmt::format("--listen: {} has a port: give the address alone, PORT is an argument",
                                     quote_word(word))
                       : "--listen: " + parsed.error());
    }
    for (const ListenAddress& address : *parsed) {
      const bool taken =
          std::any_of(addresses.begin(), addresses.end(),
                      [&address](const ListenAddress& other) { return overlap(other, address); });
      if (taken) {
        return wrong("--listen: {} is covered by another --listen: keep one of the two", quote_word(word));
      }
      if (addresses.size() == kMaxListenAddresses) {
        return wrong("--listen: {} is one too many: give at most {} addresses", quote_word(word),
                     kMaxListenAddresses);
      }
      addresses.push_back(address);
    }
  }

  Program program_;
  const Environment& environment_;
  CommandWords raw_;
  CommandLine line_;
  std::vector<std::string> mistakes_;
};

}  // namespace

int report(const StartError& error) {
  for (const std::string& line : error.lines) std::fprintf(stderr, "%s\n", line.c_str());
  return error.exit_code;
}

tl::expected<CommandLine, StartError> parse_command_line(Program program, int argc, const char* const* argv,
                                                         const Environment& environment,
                                                         std::string_view version) {
  const std::span<const char* const> all(argv, static_cast<std::size_t>(std::max(argc, 0)));
  return CommandLineParser(program, environment)
      .parse(all.subspan(std::min<std::size_t>(all.size(), 1)), version);
}

}  // namespace mptunnel
