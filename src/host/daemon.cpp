#include "mptunnel/host/daemon.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include "mptunnel/host/system.h"

namespace mptunnel {
namespace {

tl::unexpected<std::string> refused(const char* what) {
  return tl::make_unexpected(std::string(what) + ": " + std::strerror(errno));
}

/// The exit code that the daemon sent; nullopt if it ended without sending one.
std::optional<int> wait_for_report(int pipe) {
  std::uint8_t code = 0;
  ssize_t count = -1;
  do {
    count = read(pipe, &code, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1 ? std::optional<int>(code) : std::nullopt;
}

/// The exit code of the process between the two forks: 0, or the errno of the second.
int wait_for_child(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/// Standard streams that lead nowhere; whoever reads our output sees its end.
tl::expected<void, std::string> silence_standard_streams() {
  File null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.is_open()) return refused("/dev/null");
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(null.get(), stream) < 0) return refused("/dev/null");
  }
  if (null.get() <= STDERR_FILENO) null.release();
  return {};
}

/// The process between the two forks: leaves the terminal's session, so that the daemon, which leads no
/// session, can never get a terminal.
void become_daemon_or_exit() {
  setsid();
  const pid_t daemon = fork();
  if (daemon == 0) return;
  _exit(daemon < 0 ? errno : 0);
}

}  // namespace

DaemonReport::~DaemonReport() {
  failed(kExitSystem);
}

tl::expected<void, std::string> DaemonReport::ready() {
  if (chdir("/") != 0) return refused("/");
  if (auto silenced = silence_standard_streams(); !silenced) return silenced;
  send(0);
  return {};
}

void DaemonReport::failed(int exit_code) {
  send(exit_code);
}

void DaemonReport::send(int exit_code) {
  if (!pipe_.is_open()) return;
  const auto code = static_cast<std::uint8_t>(exit_code);
  // If the starting process is gone, nobody reads the report; SIGPIPE would end this process.
  const auto handler = signal(SIGPIPE, SIG_IGN);
  while (write(pipe_.get(), &code, 1) < 0 && errno == EINTR) {
  }
  signal(SIGPIPE, handler);
  pipe_ = File();
}

tl::expected<Daemonized, std::string> daemonize() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return refused("pipe");
  const File reading(ends[0]);
  File writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return refused("fork");
  Daemonized result;
  if (child == 0) {
    become_daemon_or_exit();
    result.report.emplace(std::move(writing));
    return result;
  }
  // Else its end would not show.
  writing = File();
  errno = wait_for_child(child);
  if (errno != 0) return refused("fork");
  const auto code = wait_for_report(reading.get());
  if (!code) return tl::make_unexpected(std::string("the daemon ended before it was ready"));
  result.exit_code = *code;
  return result;
}

}  // namespace mptunnel
