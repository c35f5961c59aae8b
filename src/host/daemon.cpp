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
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return refused("/dev/null");
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(null, stream) < 0) return refused("/dev/null");
  }
  if (null > STDERR_FILENO) close(null);
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

DaemonReport::DaemonReport(DaemonReport&& other) noexcept : pipe_(std::exchange(other.pipe_, -1)) {}

DaemonReport& DaemonReport::operator=(DaemonReport&& other) noexcept {
  std::swap(pipe_, other.pipe_);
  return *this;
}

DaemonReport::~DaemonReport() {
  if (pipe_ >= 0) failed(kExitSystem);
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
  if (pipe_ < 0) return;
  const auto code = static_cast<std::uint8_t>(exit_code);
  // If the starting process is gone, nobody reads the report; SIGPIPE would end this process.
  const auto handler = signal(SIGPIPE, SIG_IGN);
  while (write(pipe_, &code, 1) < 0 && errno == EINTR) {
  }
  signal(SIGPIPE, handler);
  close(std::exchange(pipe_, -1));
}

tl::expected<Daemonized, std::string> daemonize() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return refused("pipe");
  const auto [reading, writing] = ends;
  const pid_t child = fork();
  if (child < 0) {
    auto error = refused("fork");
    close(reading);
    close(writing);
    return error;
  }
  Daemonized result;
  if (child == 0) {
    close(reading);
    become_daemon_or_exit();
    result.report.emplace(writing);
    return result;
  }
  close(writing);
  errno = wait_for_child(child);
  if (errno != 0) {
    auto error = refused("fork");
    close(reading);
    return error;
  }
  const auto code = wait_for_report(reading);
  close(reading);
  if (!code) return tl::make_unexpected(std::string("the daemon ended before it was ready"));
  result.exit_code = *code;
  return result;
}

}  // namespace mptunnel
