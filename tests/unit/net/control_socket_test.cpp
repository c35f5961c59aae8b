#include "mptunnel/net/control_socket.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "net_support.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::PatientLoop;

class Folder {
 public:
  Folder() : path_(testing::TempDir() + "mptunnel_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string echo(std::string_view request) {
  return "<" + std::string(request) + ">\n";
}

/// A server whose loop runs in a thread of its own, for as long as this lives.
class RunningServer {
 public:
  explicit RunningServer(const std::string& path, ControlServer::Handler handler = echo) {
    std::atomic<bool> is_ready = false;
    thread_ = std::thread([this, &path, &handler, &is_ready] {
      Loop loop;
      ControlServer server(loop, std::move(handler));
      const auto opened = server.open(path);
      EXPECT_TRUE(opened) << opened.error();
      Wakeup stop(loop, [&loop] { loop.stop(); });
      stop_ = &stop;
      is_ready = true;
      if (opened) loop.run();
      while (!is_stopped_) std::this_thread::yield();
    });
    while (!is_ready) std::this_thread::yield();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;
  ~RunningServer() {
    stop_->notify();
    is_stopped_ = true;
    thread_.join();
  }

 private:
  Wakeup* stop_ = nullptr;
  std::atomic<bool> is_stopped_ = false;
  std::thread thread_;
};

/// A client that does what it likes.
class RawClient {
 public:
  explicit RawClient(const std::string& path, int type = SOCK_STREAM) : fd_(socket(AF_UNIX, type, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    const timeval patience{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { close(fd_); }

  void say(std::string_view text) const {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// Until the other end closes.
  [[nodiscard]] std::string hear_all() const {
    std::string text;
    char piece[4096];
    for (ssize_t count = 0; (count = recv(fd_, piece, sizeof(piece), 0)) > 0;)
      text.append(piece, static_cast<std::size_t>(count));
    return text;
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

/// A socket's file that nobody listens on, as a killed process leaves it.
void leave_behind(const std::string& path, int type = SOCK_STREAM) {
  const int fd = socket(AF_UNIX, type, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(lstat(path.c_str(), &status), 0);
  return status.st_mode & 07777U;
}

/// What open() says, in a loop that does not run.
std::string refusal(const std::string& path) {
  Loop loop;
  ControlServer server(loop, echo);
  const auto opened = server.open(path);
  return opened ? "" : opened.error();
}

TEST(ControlServer, AnswersEachConnectionOnce) {
  const Folder folder;
  const RunningServer server(folder / "s");
  EXPECT_EQ(ask_control(folder / "s", "status", 5s), "<status>\n");
  EXPECT_EQ(ask_control(folder / "s", "", 5s), "<>\n");
  EXPECT_EQ(ask_control(folder / "s", std::string(256, 'x'), 5s), "<" + std::string(256, 'x') + ">\n");
  const RawClient client(folder / "s");
  client.say("one\ntwo\n");
  EXPECT_EQ(client.hear_all(), "<one>\n");
}

TEST(ControlServer, JoinsARequestThatComesInPieces) {
  const Folder folder;
  const RunningServer server(folder / "s");
  const RawClient client(folder / "s");
  for (const char* letter : {"s", "t", "a", "\n"}) {
    client.say(letter);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(client.hear_all(), "<sta>\n");
}

TEST(ControlServer, IsTheOwnersAlone) {
  const Folder folder;
  const mode_t before = umask(0);
  const RunningServer server(folder / "new/s");
  umask(before);
  EXPECT_EQ(mode_of(folder / "new/s"), 0600U);
  EXPECT_EQ(mode_of(folder / "new"), 0755U);
}

TEST(ControlServer, RefusesARequestThatIsTooLong) {
  const Folder folder;
  const RunningServer server(folder / "s");
  const std::string expected = "error: a request is one line of at most 256 bytes\n";
  for (const std::string& request : {std::string(257, 'x'), std::string(257, 'x') + "\n"}) {
    const RawClient client(folder / "s");
    client.say(request);
    EXPECT_EQ(client.hear_all(), expected);
  }
  const RawClient slow(folder / "s");
  slow.say(std::string(200, 'x'));
  std::this_thread::sleep_for(20ms);
  slow.say(std::string(57, 'x'));
  EXPECT_EQ(slow.hear_all(), expected);
}

TEST(ControlServer, LeavesWhoSaysNothingWithoutAnAnswer) {
  const Folder folder;
  const RunningServer server(folder / "s");
  const RawClient silent(folder / "s");
  const RawClient unfinished(folder / "s");
  unfinished.say("status");
  const TimePoint start = monotonic_now();
  EXPECT_EQ(silent.hear_all(), "");
  EXPECT_EQ(unfinished.hear_all(), "");
  EXPECT_GE(monotonic_now() - start, kControlRequestPatience - 200ms);
  EXPECT_LE(monotonic_now() - start, kControlRequestPatience + 5s);
  const RawClient gone(folder / "s");
  gone.say("status");
  shutdown(gone.fd(), SHUT_WR);
  EXPECT_EQ(gone.hear_all(), "");
}

TEST(ControlServer, ServesOthersWhileAReaderIsSlow) {
  const Folder folder;
  const std::string large(std::size_t{8} << 20U, 'x');
  const RunningServer server(folder / "s", [&large](std::string_view request) {
    return request == "large" ? large : echo(request);
  });
  const RawClient slow(folder / "s");
  slow.say("large\n");
  // It never reads; the loop has other clients, and one that reads gets all of it.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask_control(folder / "s", "quick", 1s), "<quick>\n");
  const auto answer = ask_control(folder / "s", "large", 5s);
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_TRUE(*answer == large);
  // Its time ends, and what it then reads is what the kernel held for it: not the whole.
  std::this_thread::sleep_for(kControlConnectionLife + 200ms);
  EXPECT_LT(slow.hear_all().size(), large.size());
}

TEST(ControlServer, OutlivesClientsThatCloseBeforeTheirAnswer) {
  const Folder folder;
  const RunningServer server(
      folder / "s", [](std::string_view /*request*/) { return std::string(std::size_t{4} << 20U, 'x'); });
  for (int i = 0; i < 50; ++i) {
    const RawClient client(folder / "s");
    client.say("status\n");
  }
  const auto answer = ask_control(folder / "s", "status", 5s);
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->size(), std::size_t{4} << 20U);
}

TEST(ControlServer, HoldsNoMoreThanItsLimitAtATime) {
  const Folder folder;
  const RunningServer server(folder / "s");
  std::vector<std::unique_ptr<RawClient>> silent;
  for (std::size_t i = 0; i < kMaxControlConnections; ++i)
    silent.push_back(std::make_unique<RawClient>(folder / "s"));
  std::this_thread::sleep_for(20ms);
  // One more has the place of the first of them, and does not wait until that one is late.
  const TimePoint start = monotonic_now();
  EXPECT_EQ(ask_control(folder / "s", "status", 5s), "<status>\n");
  EXPECT_LT(monotonic_now() - start, kControlRequestPatience - 100ms);
  char nothing = 0;
  EXPECT_EQ(recv(silent[0]->fd(), &nothing, 1, MSG_DONTWAIT), 0) << "the first still has its place";
  EXPECT_EQ(recv(silent[1]->fd(), &nothing, 1, MSG_DONTWAIT), -1) << "the second has lost its place";
}

/// What made --status wait for 2 s: slow ones that come back as soon as they are dropped.
TEST(ControlServer, AnswersAtOnceWhileSlowOnesCrowdIt) {
  const Folder folder;
  const RunningServer server(folder / "s");
  std::atomic<bool> is_over = false;
  std::thread crowd([&] {
    std::deque<std::unique_ptr<RawClient>> slow;
    while (!is_over) {
      slow.push_back(std::make_unique<RawClient>(folder / "s"));
      slow.back()->say("s");
      if (slow.size() > 2 * kMaxControlConnections) slow.pop_front();
      std::this_thread::sleep_for(2ms);
    }
  });
  std::this_thread::sleep_for(100ms);
  for (int i = 0; i < 20; ++i) {
    const TimePoint start = monotonic_now();
    EXPECT_EQ(ask_control(folder / "s", "status", 5s), "<status>\n");
    EXPECT_LT(monotonic_now() - start, kControlRequestPatience - 100ms);
  }
  is_over = true;
  crowd.join();
}

TEST(YieldingClaim, IsOfTheUserWhoHoldsMost) {
  const TimePoint t{};
  const std::vector<ControlClaim> claims{{0, false, t}, {1000, true, t + 9s}, {1000, true, t + 8s}};
  EXPECT_EQ(yielding_claim(claims, 0), 0U);  // two of each then, and that one has not asked
  EXPECT_EQ(yielding_claim(claims, 1000), 2U);
  EXPECT_EQ(yielding_claim(claims, 7), 2U);
}

TEST(YieldingClaim, HasNotAskedOrNotGotOnForLongest) {
  const TimePoint t{};
  EXPECT_EQ(
      yielding_claim(std::vector<ControlClaim>{{0, true, t}, {0, false, t + 2s}, {0, false, t + 1s}}, 0), 2U);
  EXPECT_EQ(yielding_claim(std::vector<ControlClaim>{{0, true, t + 1s}, {0, true, t}, {0, true, t + 2s}}, 0),
            1U);
}

TEST(ControlServer, ServesAgainAfterDescriptorsRanOut) {
  const Folder folder;
  PatientLoop loop;
  ControlServer server(loop, echo);
  ASSERT_TRUE(server.open(folder / "s"));
  const RawClient client(folder / "s");
  client.say("status\n");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{200, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> files;
  while (true) {
    const int file = dup(0);
    if (file < 0) break;
    files.push_back(file);
  }
  int turns = 0;
  const std::clock_t start = std::clock();
  Timer release(loop, [&] {
    for (const int file : files) close(file);
  });
  release.set(monotonic_now() + 300ms);
  std::optional<Timer> watch;
  watch.emplace(loop, [&] {
    ++turns;
    char first = 0;
    if (recv(client.fd(), &first, 1, MSG_DONTWAIT) == 1) return loop.stop();
    watch->set(monotonic_now() + 20ms);
  });
  watch->set(monotonic_now());
  loop.run();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_GT(turns, 10) << "nothing was refused";
  // Without a pause it would get the same connection reported over and over.
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC / 10);
}

TEST(ControlServer, TakesThePlaceOfASocketThatNobodyListensOn) {
  const Folder folder;
  leave_behind(folder / "s");
  EXPECT_EQ(control_socket_state(folder / "s"), ControlSocketState::stale);
  const RunningServer server(folder / "s");
  EXPECT_EQ(ask_control(folder / "s", "status", 5s), "<status>\n");
}

TEST(ControlServer, RefusesASocketThatARunningInstanceHas) {
  const Folder folder;
  const RunningServer server(folder / "s");
  EXPECT_EQ(refusal(folder / "s"),
            "control socket " + (folder / "s") +
                ": a running instance has it: end that one first, or name another file");
  EXPECT_EQ(ask_control(folder / "s", "still", 5s), "<still>\n");
}

TEST(ControlServer, LeavesAloneWhatIsNoControlSocket) {
  const Folder folder;
  std::ofstream(folder / "file") << "text";
  std::filesystem::create_directory(folder / "folder");
  leave_behind(folder / "real");
  std::filesystem::create_symlink(folder / "real", folder / "link");
  const int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "datagrams").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(datagrams, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  for (const char* name : {"file", "folder", "link", "datagrams"}) {
    EXPECT_EQ(refusal(folder / name),
              "control socket " + (folder / name) +
                  ": something that is no control socket has this name: it is left alone, name another file")
        << name;
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::symlink_status(folder / name))) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "real"));
  close(datagrams);
}

TEST(ControlServer, SaysWhyItCannotBeMade) {
  const Folder folder;
  const std::string fits = folder / std::string(107 - (folder / "").size(), 'x');
  EXPECT_EQ(refusal(fits), "");
  EXPECT_EQ(refusal(fits + "x"),
            "control socket " + fits +
                "x: its path has 108 bytes, and a socket's has 107 at most: name a shorter one");
  EXPECT_EQ(refusal(""), "control socket : a path is needed");
  EXPECT_EQ(refusal(folder / "no/folder/s"), "control socket " + (folder / "no/folder/s") +
                                                 ": its folder cannot be made: No such file or directory");
  std::ofstream(folder / "file") << "text";
  EXPECT_EQ(refusal(folder / "file/s"), "control socket " + (folder / "file/s") + ": Not a directory");
}

TEST(ControlServer, RemovesItsFileAtTheEnd) {
  const Folder folder;
  { const RunningServer server(folder / "s"); }
  EXPECT_EQ(control_socket_state(folder / "s"), ControlSocketState::missing);
}

TEST(ControlServer, RemovesItsFileAfterTheFolderChanged) {
  const Folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  {
    Loop loop;
    ControlServer server(loop, echo);
    ASSERT_TRUE(server.open("s"));
    std::filesystem::current_path("/");
    EXPECT_EQ(control_socket_state(folder / "s"), ControlSocketState::alive);
  }
  std::filesystem::current_path(before);
  EXPECT_EQ(control_socket_state(folder / "s"), ControlSocketState::missing);
}

TEST(ControlServer, DoesNotRemoveAnotherInItsPlace) {
  const Folder folder;
  {
    const RunningServer server(folder / "s");
    std::filesystem::remove(folder / "s");
    leave_behind(folder / "s");
  }
  EXPECT_EQ(control_socket_state(folder / "s"), ControlSocketState::stale);
}

TEST(ControlServer, OneOfManyThatStartAtOnceHasTheSocket) {
  constexpr int kStarters = 4;
  const Folder folder;
  for (int round = 0; round < 1000; ++round) {
    leave_behind(folder / "s");
    std::atomic<int> ready = 0;
    std::atomic<int> opened = 0;
    std::atomic<int> done = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kStarters; ++i) {
      threads.emplace_back([&] {
        Loop loop;
        ControlServer server(loop, echo);
        ++ready;
        while (ready < kStarters) std::this_thread::yield();
        if (server.open(folder / "s")) ++opened;
        ++done;
        while (done < kStarters) std::this_thread::yield();
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(opened, 1) << "round " << round;
  }
}

TEST(AskControl, BelievesTheAskingUserAndRootAlone) {
  const Folder folder;
  const RunningServer server(folder / "s");
  const uid_t me = geteuid();
  EXPECT_EQ(ask_control(folder / "s", "status", 5s, {me}), "<status>\n");
  if (me != 0) {
    EXPECT_EQ(
        ask_control(folder / "s", "status", 5s, {me + 1}).error(),
        folder / "s: the socket belongs to another user (" + std::to_string(me) + "): ask as that user");
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_EQ(ask_control(folder / "s", "status", 5s, {4711}), "<status>\n");
  ASSERT_EQ(chown((folder / "s").c_str(), 4711, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(ask_control(folder / "s", "status", 5s).error(),
            folder /
                "s: the socket belongs to another user (4711): ask as that user, or name the socket with "
                "--control");
  EXPECT_EQ(ask_control(folder / "s", "status", 5s, {4711}), "<status>\n");
  ASSERT_EQ(chown((folder / "s").c_str(), 0, static_cast<gid_t>(-1)), 0);
  ASSERT_EQ(chown((folder / "").c_str(), 4711, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(ask_control(folder / "s", "status", 5s).error(),
            folder /
                "s: its folder belongs to another user (4711): ask as that user, or name the socket with "
                "--control");
}

TEST(AskControl, AsksWhatRootNames) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const Folder folder;
  const RunningServer server(folder / "s");
  ASSERT_EQ(chown((folder / "s").c_str(), 4711, static_cast<gid_t>(-1)), 0);
  ASSERT_EQ(chown((folder / "").c_str(), 4711, static_cast<gid_t>(-1)), 0);
  ASSERT_EQ(chmod((folder / "").c_str(), 0777), 0);
  EXPECT_EQ(ask_control(folder / "s", "status", 5s, {.uid = 0, .named = true}), "<status>\n");
  EXPECT_FALSE(ask_control(folder / "s", "status", 5s, {.uid = 0, .named = false}));
  EXPECT_FALSE(ask_control(folder / "s", "status", 5s, {.uid = 1000, .named = true}));
}

TEST(AskControl, BelievesNoSocketWhereOthersMayPutOne) {
  const Folder folder;
  const RunningServer server(folder / "s");
  const std::string refusal =
      folder /
      "s: other users may write to its folder, so that anybody may have put the socket there: choose another";
  const uid_t me = geteuid();
  for (const mode_t mode : {0777U, 0703U}) {
    ASSERT_EQ(chmod((folder / "").c_str(), mode), 0);
    EXPECT_EQ(ask_control(folder / "s", "status", 5s).error(), refusal);
  }
  ASSERT_EQ(chmod((folder / "").c_str(), 0770), 0);
  EXPECT_EQ(distrust_of_place(folder / "s", me).has_value(), me == 0);
  ASSERT_EQ(chmod((folder / "").c_str(), 01777), 0);
  EXPECT_EQ(ask_control(folder / "s", "status", 5s), "<status>\n");
}

/// A socket of a trusted user's, behind which another user listens: one that was handed over.
TEST(AskControl, BelievesNoPeerOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const Folder folder;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "s").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const pid_t stranger = fork();
  if (stranger == 0) _exit(setresuid(4711, 4711, 4711) == 0 && listen(listener, 1) == 0 ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(stranger, &status, 0), stranger);
  ASSERT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(
      ask_control(folder / "s", "status", 100ms).error(),
      folder / "s: another user (4711) listens there: ask as that user, or name the socket with --control");
  // The peer is not believed, but asked: it does not answer.
  EXPECT_EQ(ask_control(folder / "s", "status", 100ms, {.uid = 0, .named = true}).error(),
            folder / "s: no answer in time");
  close(listener);
}

TEST(AskControl, SaysWhereNothingRuns) {
  const Folder folder;
  EXPECT_EQ(ask_control(folder / "s", "status", 1s).error(),
            folder / "s: nothing runs there (there is no such socket)");
  leave_behind(folder / "s");
  EXPECT_EQ(ask_control(folder / "s", "status", 1s).error(),
            folder / "s: nothing runs there (the socket is left over)");
  EXPECT_EQ(ask_control(std::string(200, 'x'), "status", 1s).error(),
            std::string(200, 'x') + ": the path is too long for a socket");
}

TEST(AskControl, EndsWhereNobodyAnswers) {
  const Folder folder;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "s").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 0), 0);
  EXPECT_EQ(ask_control(folder / "s", "status", 100ms).error(), folder / "s: no answer in time");
  // That one is still in the queue, which has room for no other.
  EXPECT_EQ(ask_control(folder / "s", "status", 100ms).error(), folder / "s: no answer: too many others ask");
  EXPECT_EQ(control_socket_state(folder / "s"), ControlSocketState::alive);
  close(fd);
}

TEST(AskControl, SaysThatTheConnectionWasClosed) {
  const Folder folder;
  const RunningServer server(folder / "s", [](std::string_view /*request*/) { return std::string(); });
  EXPECT_EQ(ask_control(folder / "s", "status", 5s).error(),
            folder / "s: it closed the connection without an answer");
}

}  // namespace
}  // namespace mptunnel
