// Readers of the log that have stopped. A call that waits for one fails the test, and does not hang it: after
// a while the reader goes on.

#include "mptunnel/host/log_outlet.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <regex>

#include "mptunnel/host/log.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

struct Ends {
  File read;
  File write;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {File(ends[0]), File(ends[1])};
}

/// Everything that can be read at once.
std::string drain(int fd) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (pollfd asked{fd, POLLIN, 0}; poll(&asked, 1, 0) == 1 && (asked.revents & POLLIN) != 0;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

/// Whether the call returns without anybody reading. If not, `release` makes it.
bool returns(const std::function<void()>& call, const std::function<void()>& release) {
  auto done = std::async(std::launch::async, call);
  if (done.wait_for(3s) == std::future_status::ready) return true;
  while (done.wait_for(10ms) != std::future_status::ready) release();
  return false;
}

/// Writes lines until one is not taken; how many were. With the call that would wait, none is lost, so that
/// the test ends at `most`.
std::size_t fill(LogOutlet& outlet, std::size_t most = 100000) {
  std::size_t taken = 0;
  while (taken < most && outlet.write(LogLevel::info, "line " + std::to_string(taken) + '\n')) ++taken;
  return taken;
}

/// The lines from 0 on, whole; how many.
std::size_t count_lines(const std::string& text) {
  std::size_t count = 0;
  std::size_t at = 0;
  for (std::string line = "line 0\n"; text.compare(at, line.size(), line) == 0;) {
    at += line.size();
    line = "line " + std::to_string(++count) + '\n';
  }
  EXPECT_EQ(at, text.size()) << text.substr(at, 100);
  return count;
}

TEST(DescriptorOutlet, APipeTakesWholeLinesAndNoneWaits) {
  const Ends pipe = make_pipe();
  const int flags = fcntl(pipe.write.get(), F_GETFL);
  DescriptorOutlet outlet(pipe.write.get());
  std::size_t taken = 0;
  ASSERT_TRUE(returns([&] { taken = fill(outlet); }, [&] { drain(pipe.read.get()); }));
  EXPECT_GT(taken, 1000U);
  EXPECT_EQ(count_lines(drain(pipe.read.get())), taken);
  EXPECT_TRUE(outlet.write(LogLevel::info, "line 0\n"));
  EXPECT_EQ(drain(pipe.read.get()), "line 0\n");
  EXPECT_EQ(fcntl(pipe.write.get(), F_GETFL), flags) << "the flags are the shell's, too";
}

TEST(DescriptorOutlet, APipeThatMayNotBeOpenedIsAskedForRoom) {
  if (geteuid() != 0) GTEST_SKIP() << "needs a pipe of another user";
  const Ends pipe = make_pipe();
  std::size_t taken = 0;
  ASSERT_TRUE(returns(
      [&] {
        setfsuid(65534);  // of this thread alone
        EXPECT_LT(open(("/proc/self/fd/" + std::to_string(pipe.write.get())).c_str(), O_WRONLY), 0);
        DescriptorOutlet outlet(pipe.write.get());
        taken = fill(outlet);
      },
      [&] { drain(pipe.read.get()); }));
  EXPECT_GT(taken, 1000U);
  EXPECT_EQ(count_lines(drain(pipe.read.get())), taken);
}

TEST(DescriptorOutlet, AStreamTakesWholeLinesAndNoneWaits) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const File reader(ends[0]);
  const File writer(ends[1]);
  DescriptorOutlet outlet(writer.get());
  std::size_t taken = 0;
  ASSERT_TRUE(returns([&] { taken = fill(outlet); }, [&] { drain(reader.get()); }));
  EXPECT_GT(taken, 10U);
  EXPECT_EQ(count_lines(drain(reader.get())), taken);
}

TEST(DescriptorOutlet, ATerminalThatIsStoppedKeepsNobodyWaiting) {
  int master = -1;
  int slave = -1;
  if (openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) GTEST_SKIP() << "no terminals here";
  const File screen(master);
  const File terminal(slave);
  DescriptorOutlet outlet(slave);
  ASSERT_TRUE(outlet.write(LogLevel::info, "seen\n"));
  ASSERT_EQ(tcflow(slave, TCOOFF), 0);  // as Ctrl-S does
  ASSERT_TRUE(returns([&] { fill(outlet); }, [&] { tcflow(slave, TCOON); }));
  EXPECT_EQ(drain(master), "seen\r\n");
  ASSERT_EQ(tcflow(slave, TCOON), 0);
  EXPECT_TRUE(outlet.write(LogLevel::info, "again\n"));
  EXPECT_TRUE(drain(master).ends_with("again\r\n"));
}

TEST(DescriptorOutlet, FollowsADescriptorThatLeadsElsewhere) {
  const Ends first = make_pipe();
  const Ends second = make_pipe();
  DescriptorOutlet outlet(first.write.get());
  EXPECT_TRUE(outlet.write(LogLevel::info, "one\n"));
  ASSERT_GE(dup2(second.write.get(), first.write.get()), 0);
  EXPECT_TRUE(outlet.write(LogLevel::info, "two\n"));
  EXPECT_EQ(drain(first.read.get()), "one\n");
  EXPECT_EQ(drain(second.read.get()), "two\n");
  pollfd ended{first.read.get(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 0), 1) << "nothing keeps the first pipe open";
}

/// A syslog daemon's socket in a folder of its own.
class SyslogOutletTest : public testing::Test {
 protected:
  SyslogOutletTest() {
    std::string folder = testing::TempDir() + "mptunnel-syslog-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    path_ = folder + "/log";
  }
  ~SyslogOutletTest() override { std::filesystem::remove_all(std::filesystem::path(path_).parent_path()); }
  SyslogOutletTest(const SyslogOutletTest&) = delete;
  SyslogOutletTest& operator=(const SyslogOutletTest&) = delete;

  [[nodiscard]] File bind_daemon(int type) const {
    unlink(path_.c_str());
    File socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(socket.get(), 1), 0);
    }
    return socket;
  }

  std::string path_;
};

TEST_F(SyslogOutletTest, WritesWhatSyslogWrites) {
  const File daemon = bind_daemon(SOCK_DGRAM);
  SyslogOutlet outlet("mpclient", path_);
  ASSERT_TRUE(outlet.write(LogLevel::warning, "warning: something\n"));
  const std::string text = drain(daemon.get());
  const std::string pid = std::to_string(getpid());
  EXPECT_TRUE(std::regex_match(text, std::regex("<28>[A-Z][a-z]{2} [ 123][0-9] [0-9:]{8} mpclient\\[" + pid +
                                                "\\]: warning: something")))
      << text;
}

TEST_F(SyslogOutletTest, ADaemonThatStoppedKeepsNobodyWaiting) {
  const File daemon = bind_daemon(SOCK_DGRAM);
  SyslogOutlet outlet("mpclient", path_);
  std::size_t taken = 0;
  ASSERT_TRUE(returns([&] { taken = fill(outlet); }, [&] { drain(daemon.get()); }));
  EXPECT_GT(taken, 0U);
  EXPECT_FALSE(drain(daemon.get()).empty());
  EXPECT_TRUE(outlet.write(LogLevel::info, "again\n"));
  EXPECT_TRUE(drain(daemon.get()).ends_with("again"));
}

TEST_F(SyslogOutletTest, FindsADaemonThatCameLateOrWasStartedAgain) {
  SyslogOutlet outlet("mpclient", path_);
  EXPECT_FALSE(outlet.write(LogLevel::info, "nobody\n"));
  File daemon = bind_daemon(SOCK_DGRAM);
  EXPECT_TRUE(outlet.write(LogLevel::info, "first\n"));
  EXPECT_TRUE(drain(daemon.get()).ends_with(": first"));
  daemon = File();
  EXPECT_FALSE(outlet.write(LogLevel::info, "nobody\n"));
  daemon = bind_daemon(SOCK_DGRAM);
  EXPECT_TRUE(outlet.write(LogLevel::info, "second\n"));
  EXPECT_TRUE(drain(daemon.get()).ends_with(": second"));
}

TEST_F(SyslogOutletTest, SpeaksToAStreamAsWell) {
  const File daemon = bind_daemon(SOCK_STREAM);
  SyslogOutlet outlet("mpclient", path_);
  ASSERT_TRUE(outlet.write(LogLevel::info, "one\n"));
  ASSERT_TRUE(outlet.write(LogLevel::info, "two\n"));
  const File connection(accept(daemon.get(), nullptr, nullptr));
  const std::string text = drain(connection.get());
  EXPECT_NE(text.find(std::string("]: one\0<30>", 11)), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with(std::string("]: two\0", 7))) << text;
}

/// Standard error, for as long as the object lives.
class StderrPipe {
 public:
  StderrPipe() : before_(dup(STDERR_FILENO)), pipe_(make_pipe()) { dup2(pipe_.write.get(), STDERR_FILENO); }
  ~StderrPipe() { dup2(before_.get(), STDERR_FILENO); }
  StderrPipe(const StderrPipe&) = delete;
  StderrPipe& operator=(const StderrPipe&) = delete;
  [[nodiscard]] int reader() const { return pipe_.read.get(); }

 private:
  File before_;
  Ends pipe_;
};

TEST(Log, SaysHowManyLinesAReaderThatStoppedDidNotTake) {
  const StderrPipe pipe;
  constexpr int kLines = 3000;
  ASSERT_TRUE(returns(
      [] {
        for (int i = 0; i < kLines; ++i) log_info("line {}", i);
      },
      [&] { drain(pipe.reader()); }));
  const std::string before = drain(pipe.reader());
  const auto passed = std::count(before.begin(), before.end(), '\n');
  ASSERT_LT(passed, kLines);
  log_info("there is room again");
  log_info("and nothing more to say");
  const std::string after = drain(pipe.reader());
  const std::string count = std::to_string(kLines - passed);
  EXPECT_TRUE(std::regex_match(
      after, std::regex(".* warning: " + count +
                        " lines of this log were lost here, because whoever reads it took none\n"
                        ".* info: there is room again\n.* info: and nothing more to say\n")))
      << after;
}

TEST(Log, CutsALineThatAPipeWouldNotTakeAsAWhole) {
  const StderrPipe pipe;
  log_info("{}", std::string(10000, 'x'));
  const std::string text = drain(pipe.reader());
  EXPECT_EQ(text.size(), kMaxLogLineBytes);
  EXPECT_TRUE(text.ends_with("x...\n"));
}

}  // namespace
}  // namespace mptunnel
