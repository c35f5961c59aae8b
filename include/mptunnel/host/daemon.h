// Going into the background. What it is not: the pid file (pid_file.h) or the log.
//
// The caller's process stays until the daemon says that it works, or why not. Until then messages still reach
// the caller's standard error, and the caller gets the daemon's exit code.
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "mptunnel/base/file.h"

namespace mptunnel {

/// The daemon's end of the wire to the process that started it.
class DaemonReport {
 public:
  /// None for a report that nobody waits for.
  explicit DaemonReport(File pipe) : pipe_(std::move(pipe)) {}
  DaemonReport(const DaemonReport&) = delete;
  DaemonReport& operator=(const DaemonReport&) = delete;
  DaemonReport(DaemonReport&&) = default;
  DaemonReport& operator=(DaemonReport&&) = default;
  /// Without a word before it, the starting process ends with exit code 1.
  ~DaemonReport();

  /// The daemon works: its folder becomes "/", its standard streams lead nowhere from now on, and the
  /// starting process ends with 0. The error is the system's; the starting process then still waits for
  /// failed().
  tl::expected<void, std::string> ready();
  /// The starting process ends with `exit_code`, 1 to 255. The message has been written by the caller.
  void failed(int exit_code);

 private:
  void send(int exit_code);

  File pipe_;
};

/// In the daemon, `report` is set. In the process that started it, it is not, and `exit_code` is what to end
/// with.
struct Daemonized {
  std::optional<DaemonReport> report;
  int exit_code = 0;
};

/// Forks twice, into a session of its own (daemon(7)). To be called before the event loop, sockets and
/// threads are made, none of which survive a fork; both processes return from it. The process that was called
/// returns only when the daemon has reported or ended.
tl::expected<Daemonized, std::string> daemonize();

}  // namespace mptunnel
