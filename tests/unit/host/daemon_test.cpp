#include "mptunnel/host/daemon.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>

namespace mptunnel {
namespace {

struct Outcome {
  int exit_code = -1;  ///< of the process that started the daemon
  std::string output;  ///< what it and the daemon wrote to standard error
};

std::string read_to_end(int file) {
  std::string text;
  std::array<char, 256> piece{};
  ssize_t count = 0;
  while ((count = read(file, piece.data(), piece.size())) > 0)
    text.append(piece.data(), static_cast<std::size_t>(count));
  return text;
}

void say(const std::string& text) {
  EXPECT_EQ(write(STDERR_FILENO, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

/// Runs a program that daemonizes, with `in_daemon` in the daemon, and waits for its starting process and for
/// the end of everybody who holds its standard error.
Outcome start_daemon(const std::function<void(DaemonReport&)>& in_daemon) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const pid_t starter = fork();
  if (starter == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    auto daemon = daemonize();
    if (!daemon) {
      say("error: " + daemon.error());
      _exit(99);
    }
    if (!daemon->report) _exit(daemon->exit_code);
    in_daemon(*daemon->report);
    _exit(0);
  }
  close(ends[1]);
  Outcome outcome;
  outcome.output = read_to_end(ends[0]);
  close(ends[0]);
  int status = 0;
  if (waitpid(starter, &status, 0) == starter && WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

TEST(Daemon, LetsTheStarterEndWithZeroOnceReady) {
  const Outcome outcome = start_daemon([](DaemonReport& report) {
    say("before ");
    if (!report.ready()) abort();
    if (write(STDERR_FILENO, "lost", 4) != 4) abort();
  });
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output, "before ");
}

TEST(Daemon, HandsItsFailureToTheStarter) {
  const Outcome outcome = start_daemon([](DaemonReport& report) {
    say("port taken");
    report.failed(7);
  });
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_EQ(outcome.output, "port taken");
}

TEST(Daemon, CountsAReportThatIsDroppedAsAFailure) {
  const Outcome outcome =
      start_daemon([](DaemonReport& report) { const DaemonReport dropped = std::move(report); });
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.output, "");
}

TEST(Daemon, IsMissedWhereItEndsWithoutAReport) {
  const Outcome outcome = start_daemon([](DaemonReport&) { _exit(0); });
  EXPECT_EQ(outcome.exit_code, 99);
  EXPECT_EQ(outcome.output, "error: the daemon ended before it was ready");
}

TEST(Daemon, LeavesTheTerminalsSessionAndTheFolder) {
  // The daemon's words reach us before ready(), so it says then what it is, and afterwards where it stands.
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t session = getsid(0);
  const Outcome outcome = start_daemon([&ends, session](DaemonReport& report) {
    const bool leads_no_session = getsid(0) != getpid() && getsid(0) != session;
    const bool worked = report.ready().has_value();
    std::array<char, 4096> folder{};
    const bool in_root = getcwd(folder.data(), folder.size()) != nullptr && std::string(folder.data()) == "/";
    const char verdict = leads_no_session && worked && in_root ? 'y' : 'n';
    if (write(ends[1], &verdict, 1) != 1) abort();
  });
  EXPECT_EQ(outcome.exit_code, 0);
  close(ends[1]);
  EXPECT_EQ(read_to_end(ends[0]), "y");
  close(ends[0]);
}

}  // namespace
}  // namespace mptunnel
