#include "mptunnel/apps/program.h"

#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "mptunnel/apps/ask_instance.h"
#include "mptunnel/control/control_path.h"
#include "mptunnel/control/event_log.h"
#include "mptunnel/control/render.h"
#include "mptunnel/crypto/key.h"
#include "mptunnel/host/daemon.h"
#include "mptunnel/host/log.h"
#include "mptunnel/host/pid_file.h"
#include "mptunnel/host/system.h"
#include "mptunnel/net/control_socket.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {
namespace {

int fail(const std::string& why, std::optional<DaemonReport>& daemon) {
  log_error("{}", why);
  if (daemon) daemon->failed(kExitSystem);
  return kExitSystem;
}

/// The default socket is a service that may fail; one that was asked for may not.
tl::expected<void, std::string> open_control(ControlServer& control, const std::string& name,
                                             const Prepared& prepared) {
  const std::string& wanted = prepared.options.control;
  if (wanted == "none") return {};
  if (!wanted.empty()) return control.open(wanted);
  const auto folder = control_folder(current_user(), true);
  const auto opened = folder ? control.open(*folder + '/' + control_socket_name(name, prepared.port))
                             : tl::make_unexpected(folder.error());
  if (!opened) log_warning("{}; --status cannot reach this instance, everything else works", opened.error());
  return {};
}

/// The keys that there are, in words.
std::string describe(const StartOptions& options) {
  if (!options.named_keys) return mptunnel::describe(options.key.has_value(), std::nullopt);
  Keyring::Clients clients;
  for (const NamedKey& key : *options.named_keys) {
    ++clients.named;
    if (key.is_disabled) ++clients.disabled;
  }
  return mptunnel::describe(options.key.has_value(), clients);
}

/// For --genkey. What to do with a line that has a name goes to stderr: the line is one for files.
void print_key(const SecretText& key, const std::string& name) {
  const char* const text = key.text().c_str();
  if (name.empty()) {
    std::printf("%s\n", text);
    return;
  }
  std::printf("%s %s\n", name.c_str(), text);
  std::fputs(
      "# This line belongs into the file that 'keys' names at mpserver, and, as a file of its own, to the\n"
      "# client, whose 'key-file' names that.\n",
      stderr);
}

/// From here on a terminal that goes, or a log whose reader has ended, is no reason to end. (The loop will
/// tell what SIGHUP does.)
void hold_signals() {
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}

/// Whoever starts a daemon at boot looks for its mistakes in syslog.
int report_mistakes(const std::string& name, const CommandLine& line, const StartError& error) {
  if (line.daemon && line.action == Action::run) {
    add_syslog(name);
    leave_stderr();
    for (const std::string& mistake : error.lines) log_error("{}", mistake);
  }
  return report(error);
}

/// Takes the keys out of `prepared`.
int run_prepared(const std::string& name, const std::string& version, Prepared& prepared) {
  StartOptions& options = prepared.options;
  set_log_level(options.log_level);
  hold_signals();
  std::optional<DaemonReport> daemon;
  if (options.daemon) {
    auto daemonized = daemonize();
    if (!daemonized) return fail(daemonized.error(), daemon);
    if (!daemonized->report) return daemonized->exit_code;
    daemon = std::move(daemonized->report);
    add_syslog(name);
  }
  for (const std::string& warning : options.warnings) log_warning("{}", warning);
  std::optional<PidFile> pid_file;
  if (!options.pid_file.empty()) {
    auto created = PidFile::create(options.pid_file);
    if (!created) return fail(created.error(), daemon);
    pid_file.emplace(std::move(*created));
  }
  log_protection(options.encrypt, describe(options));
  const auto made = prepared.make();
  // The engine has the keys from here on; nobody else needs them.
  options.key.reset();
  options.named_keys.reset();
  prepared.make = nullptr;
  if (!made) return fail(made.error(), daemon);
  const std::unique_ptr<App>& app = *made;
  if (const auto started = app->start(); !started) return fail(started.error(), daemon);
  const auto status = [&] {
    Status values = app->status();
    values.version = version;
    values.config = options.config_path;
    return values;
  };
  const ControlActions actions{status, [&] { return app->reload(); }};
  ControlServer control(app->loop(),
                        [&](std::string_view request) { return answer_request(request, actions); });
  if (const auto opened = open_control(control, name, prepared); !opened) return fail(opened.error(), daemon);
  if (daemon) {
    if (const auto ready = daemon->ready(); !ready) return fail(ready.error(), daemon);
    leave_stderr();
  }
  app->run();
  return 0;
}

}  // namespace

std::unique_ptr<TunInterface> make_tun(const CommonConfig& config, const std::vector<Prefix>& routes,
                                       std::uint32_t mark, const PortContext& context, RandomSource& random,
                                       LoopCallback on_readable,
                                       std::function<std::optional<std::size_t>()> fitting) {
  if (!config.tun.is_on()) return nullptr;
  return std::make_unique<TunInterface>(TunInterfaceSettings{config.tun, routes, mark, config.copy_dscp},
                                        context, random, std::move(on_readable), std::move(fitting));
}

App::App(const SocketTuning& tuning)
    : started_(monotonic_now()),
      ports_(tuning),
      timer_(ports_.loop(), [this] { on_deadline(); }),
      on_term_(ports_.loop(), SIGTERM, [this] { on_stop(); }),
      on_int_(ports_.loop(), SIGINT, [this] { on_stop(); }),
      on_hup_(ports_.loop(), SIGHUP, [this] { reload(); }) {}

tl::expected<std::string, std::string> App::reload() {
  Reading reading = read_again();
  readings_.say_other(reading.level, reading.text);
  if (reading.level == LogLevel::info) return std::move(reading.text);
  return tl::make_unexpected(std::move(reading.text));
}

App::Reading App::read_again() {
  return {LogLevel::warning,
          "nothing is read again while this program runs, and it goes on as it was: to change something, "
          "restart it"};
}

int run_program(Program program, int argc, const char* const* argv, const std::string& version,
                const std::function<tl::expected<Prepared, StartError>(const CommandLine&)>& prepare) {
  forbid_core_dumps();
  const std::string name(name_of(program));
  auto line = parse_command_line(program, argc, argv, take_environment(), version);
  if (!line) return report(line.error());
  if (line->action == Action::help || line->action == Action::version) {
    std::fputs(line->text.c_str(), stdout);
    return 0;
  }
  if (line->action == Action::genkey) {
    SystemRandom random;
    print_key(generate_key(random), line->key_name);
    return 0;
  }
  if (line->asks_instance()) return ask_instance(name, *line);
  auto prepared = prepare(*line);
  line->key = {};
  if (!prepared) return report_mistakes(name, *line, prepared.error());
  if (line->action == Action::check) {
    std::fputs(prepared->check_text.c_str(), stdout);
    return 0;
  }
  return run_prepared(name, version, *prepared);
}

}  // namespace mptunnel
