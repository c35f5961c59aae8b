#include "mptunnel/apps/program.h"

#include <cstdio>
#include <optional>

#include "mptunnel/apps/daemon.h"
#include "mptunnel/apps/event_log.h"
#include "mptunnel/apps/pid_file.h"
#include "mptunnel/base/log.h"
#include "mptunnel/crypto/key.h"
#include "mptunnel/crypto/system_random.h"

namespace mptunnel {
namespace {

int report(const StartError& error) {
  for (const std::string& line : error.lines) std::fprintf(stderr, "%s\n", line.c_str());
  return error.exit_code;
}

int fail(const std::string& why, std::optional<DaemonReport>& daemon) {
  log_error("{}", why);
  if (daemon) daemon->failed(kExitSystem);
  return kExitSystem;
}

int run_prepared(const std::string& name, const Prepared& prepared) {
  const StartOptions& options = prepared.options;
  set_log_level(options.log_level);
  std::optional<DaemonReport> daemon;
  if (options.daemon) {
    auto daemonized = daemonize();
    if (!daemonized) return fail(daemonized.error(), daemon);
    if (!daemonized->report) return daemonized->exit_code;
    daemon = std::move(daemonized->report);
  }
  std::optional<PidFile> pid_file;
  if (!options.pid_file.empty()) {
    auto created = PidFile::create(options.pid_file);
    if (!created) return fail(created.error(), daemon);
    pid_file.emplace(std::move(*created));
  }
  log_protection(options.encrypt, options.key.has_value());
  const std::unique_ptr<App> app = prepared.make();
  if (const auto started = app->start(); !started) return fail(started.error(), daemon);
  if (daemon) {
    log_to_syslog(name);
    if (const auto ready = daemon->ready(); !ready) return fail(ready.error(), daemon);
  }
  app->run();
  return 0;
}

}  // namespace

int run_program(const std::string& name, const tl::expected<CommandLine, StartError>& line,
                const std::function<tl::expected<Prepared, StartError>(const CommandLine&)>& prepare) {
  if (!line) return report(line.error());
  if (line->action == Action::help || line->action == Action::version) {
    std::fputs(line->text.c_str(), stdout);
    return 0;
  }
  if (line->action == Action::genkey) {
    SystemRandom random;
    std::printf("%s\n", generate_key(random).c_str());
    return 0;
  }
  const auto prepared = prepare(*line);
  if (!prepared) return report(prepared.error());
  if (line->action == Action::check) {
    std::fputs(prepared->check_text.c_str(), stdout);
    return 0;
  }
  return run_prepared(name, *prepared);
}

}  // namespace mptunnel
