#include "mptunnel/host/pid_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <thread>
#include <vector>

#include "file_support.h"
#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::content_of;
using test::mode_of;
using test::TemporaryFolder;

std::string own_pid_text() {
  return std::to_string(getpid()) + "\n";
}

/// Somebody who may only read a file, and locks what can be locked of it.
class Reader {
 public:
  explicit Reader(const std::string& path) : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    EXPECT_GE(file_, 0);
    EXPECT_EQ(flock(file_, LOCK_EX | LOCK_NB), 0);
    struct flock request {};
    request.l_type = F_RDLCK;
    request.l_whence = SEEK_SET;
    EXPECT_EQ(fcntl(file_, F_OFD_SETLK, &request), 0);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { close(file_); }

 private:
  int file_;
};

TEST(PidFile, HoldsTheProcessIdAndGoesWithIt) {
  const TemporaryFolder folder;
  {
    const auto file = PidFile::create(folder / "p");
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(content_of(folder / "p"), own_pid_text());
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "p"));
}

TEST(PidFile, MovesWithItsOwner) {
  const TemporaryFolder folder;
  auto file = PidFile::create(folder / "p");
  ASSERT_TRUE(file);
  {
    const PidFile moved = std::move(*file);
    EXPECT_TRUE(std::filesystem::exists(folder / "p"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "p"));
}

TEST(PidFile, ReplacesOneThatAKilledProcessLeft) {
  const TemporaryFolder folder;
  // Its number is that of a living process, ours: the lock counts, not the number.
  static_cast<void>(folder.write("p", own_pid_text() + "  "));
  static_cast<void>(folder.write("q", "99999999999\n"));
  static_cast<void>(folder.write("r", ""));
  for (const char* name : {"p", "q", "r"}) {
    const auto file = PidFile::create(folder / name);
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(content_of(folder / name), own_pid_text());
  }
}

TEST(PidFile, NamesTheInstanceThatHoldsIt) {
  const TemporaryFolder folder;
  const std::string path = folder / "p";
  const auto first = PidFile::create(path);
  ASSERT_TRUE(first);
  const auto second = PidFile::create(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "pid file " + path + " is held by a running instance, process " +
                                std::to_string(getpid()) + ": end it first, or name another file");
  EXPECT_EQ(content_of(path), own_pid_text());
}

TEST(PidFile, LeavesAloneWhatIsNoPidFile) {
  const TemporaryFolder folder;
  const std::string config = folder.write("c", "1.1.1.1 4000\n");
  const auto file = PidFile::create(config);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(),
            "pid file " + config + " exists and is no pid file: it is left alone, name another file");
  EXPECT_EQ(content_of(config), "1.1.1.1 4000\n");
  const std::string digits = folder.write("d", std::string(21, '1'));
  EXPECT_FALSE(PidFile::create(digits));
  EXPECT_EQ(content_of(digits).size(), 21U);
}

TEST(PidFile, FollowsNoLinks) {
  const TemporaryFolder folder;
  static_cast<void>(folder.write("real", "1\n"));
  std::filesystem::create_symlink(folder / "real", folder / "link");
  EXPECT_FALSE(PidFile::create(folder / "link"));
  EXPECT_EQ(content_of(folder / "real"), "1\n");
}

TEST(PidFile, SaysWhyItCannotBeMade) {
  const TemporaryFolder folder;
  EXPECT_EQ(PidFile::create(folder / "no/p").error(),
            "pid file " + (folder / "no/p") + " cannot be opened: No such file or directory");
  EXPECT_EQ(PidFile::create(folder.path()).error(),
            "pid file " + folder.path() + " cannot be opened: Is a directory");
}

TEST(PidFile, DoesNotRemoveAnotherInItsPlace) {
  const TemporaryFolder folder;
  {
    const auto file = PidFile::create(folder / "p");
    ASSERT_TRUE(file);
    std::filesystem::remove(folder / "p");
    static_cast<void>(folder.write("p", "1\n"));
  }
  EXPECT_EQ(content_of(folder / "p"), "1\n");
}

TEST(PidFile, IsNotOpenToOthers) {
  const TemporaryFolder folder;
  const mode_t before = umask(0);
  const auto file = PidFile::create(folder / "p");
  umask(before);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(mode_of(folder / "p"), 0600U);
}

TEST(PidFile, ReplacesOneThatAReaderHasLocked) {
  const TemporaryFolder folder;
  const std::string path = folder.write("p", "1\n");
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  const Reader stranger(path);
  const auto file = PidFile::create(path);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(content_of(path), own_pid_text());
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_FALSE(PidFile::create(path));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
      << "something is left over";
}

TEST(PidFile, ClosesOneThatReadersCouldOpen) {
  const TemporaryFolder folder;
  const std::string path = folder.write("p", "1\n");
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  const auto file = PidFile::create(path);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST(PidFile, RefusesOneThatOthersMayWriteOrOwn) {
  const TemporaryFolder folder;
  const std::string path = folder.write("p", "1\n");
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    const auto file = PidFile::create(path);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error(),
              "pid file " + path + " may be written by other users: remove it, or name another file");
  }
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  if (chown(path.c_str(), geteuid() + 1, static_cast<gid_t>(-1)) != 0)
    GTEST_SKIP() << "only root can give a file away";
  const auto file = PidFile::create(path);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), "pid file " + path + " belongs to another user: remove it, or name another file");
  EXPECT_EQ(content_of(path), "1\n");
}

/// Instances are threads here: the lock is of the opened file, not of the process.
TEST(PidFile, OneOfManyThatReplaceItAtOnceHasIt) {
  constexpr int kStarters = 4;
  const TemporaryFolder folder;
  const std::string path = folder / "p";
  for (int round = 0; round < 300; ++round) {
    std::filesystem::remove(path);
    static_cast<void>(folder.write("p", "1\n"));
    const Reader stranger(path);
    std::atomic<int> opened = 0;
    std::atomic<int> done = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kStarters; ++i) {
      threads.emplace_back([&] {
        const auto file = PidFile::create(path);
        if (file) ++opened;
        ++done;
        while (done < kStarters) std::this_thread::yield();
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(opened, 1) << "round " << round;
  }
}

TEST(PidFile, IsFreeAgainAfterItsProcessWasKilled) {
  const TemporaryFolder folder;
  const std::string path = folder / "p";
  const pid_t child = fork();
  if (child == 0) {
    const auto file = PidFile::create(path);
    _exit(file ? 0 : 1);  // no destructor runs, as after SIGKILL
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(content_of(path), std::to_string(child) + "\n");
  const auto file = PidFile::create(path);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(content_of(path), own_pid_text());
}

}  // namespace
}  // namespace mptunnel
