#include "mptunnel/host/state_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>
#include <vector>

#include "file_support.h"
#include "mptunnel/host/read_file.h"
#include "support/temporary_folder.h"
#include "support/test_random.h"
#include "unit/crypto/numbered_key.h"

namespace {

/// How the file system fails: errno, or 0 if it does not.
struct Failures {
  int link = 0;
  int rename = 0;
  bool links_all_the_same = false;
};
Failures fails;

}  // namespace

// In place of the C library's, for this program.
extern "C" int link(const char* from, const char* to) noexcept {
  if (fails.link == 0 || fails.links_all_the_same) {
    const auto result = syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (fails.link == 0 || result != 0) return static_cast<int>(result);
  }
  errno = fails.link;
  return -1;
}
extern "C" int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                         unsigned flags) noexcept {
  if (fails.rename == 0)
    return static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
  errno = fails.rename;
  return -1;
}

namespace mptunnel {
namespace {

using test::content_of;
using test::kNumberedKeyText;
using test::mode_of;
using test::TemporaryFolder;
using test::TestRandom;
using Bytes32 = std::array<std::uint8_t, kKeyBytes>;

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

std::string error_of(const std::string& path, bool is_there) {
  TestRandom random(1);
  const auto secret = keep_secret(path, random);
  if (secret) return "";
  EXPECT_EQ(secret.error().is_there, is_there) << secret.error().text;
  return secret.error().text;
}

TEST(DefaultStatePath, IsWhereTheUsersStateBelongs) {
  struct Row {
    StateUser user;
    std::string path;
  };
  const std::string system = "/var/lib/mptunnel/client-secret";
  const Row rows[] = {
      {{1000, "/var/lib/vpn", "/state", "/home/u"}, "/var/lib/vpn/client-secret"},
      {{0, "/var/lib/vpn:/var/lib/other", "", "/root"}, "/var/lib/vpn/client-secret"},
      {{0, "", "/state", "/root"}, system},
      {{1000, "", "/state", "/home/u"}, "/state/mptunnel/client-secret"},
      {{1000, "", "", "/home/u"}, "/home/u/.local/state/mptunnel/client-secret"},
      // What is relative would change with the current folder.
      {{1000, "vpn", "state", "/home/u"}, "/home/u/.local/state/mptunnel/client-secret"},
      {{1000, ":/var/lib/vpn", "", "home"}, system},
  };
  for (const Row& row : rows) EXPECT_EQ(default_state_path(row.user), row.path);
}

TEST(KeepSecret, MakesOneAndKeepsIt) {
  const TemporaryFolder folder;
  const std::string path = folder / "a/b/secret";
  TestRandom random(1);
  const auto made = keep_secret(path, random);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_NE(made->bytes, Bytes32{});
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(mode_of(folder / "a"), 0700U);
  EXPECT_EQ(mode_of(folder / "a/b"), 0700U);
  EXPECT_EQ(files_in(folder / "a/b"), 1U);
  const std::string before = content_of(path);
  const auto again = keep_secret(path, random);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->bytes, made->bytes);
  EXPECT_EQ(content_of(path), before);
  const auto other = keep_secret(folder / "other", random);
  ASSERT_TRUE(other) << other.error().text;
  EXPECT_NE(other->bytes, made->bytes);
}

TEST(KeepSecret, TakesAPathBelowTheCurrentFolder) {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  TestRandom random(1);
  const auto made = keep_secret("secret", random);
  std::filesystem::current_path(before);
  ASSERT_TRUE(made) << made.error().text;
  const auto again = keep_secret(folder / "secret", random);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->bytes, made->bytes);
}

TEST(KeepSecret, OfManyThatStartAtOnceAllHaveTheSame) {
  for (int round = 0; round < 30; ++round) {
    const TemporaryFolder folder;
    std::vector<Bytes32> secrets(8);
    std::vector<std::thread> programs;
    for (std::size_t i = 0; i < secrets.size(); ++i) {
      programs.emplace_back([&, i] {
        TestRandom random(i);
        const auto secret = keep_secret(folder / "state/secret", random);
        ASSERT_TRUE(secret) << secret.error().text;
        secrets[i] = secret->bytes;
      });
    }
    for (std::thread& program : programs) program.join();
    EXPECT_EQ(std::set<Bytes32>(secrets.begin(), secrets.end()).size(), 1U);
    EXPECT_EQ(files_in(folder / "state"), 1U);
  }
}

TEST(KeepSecret, NeverReplacesWhatIsThere) {
  const TemporaryFolder folder;
  const std::string cure = "remove it, and the next start makes a new one";
  const std::string wrong = "is not right: it should have 32 bytes in base64; " + cure;
  const std::string text(kNumberedKeyText);
  const std::pair<std::string, std::string> rows[] = {
      {"", "has no secret in it: " + cure},
      {"# only a comment\n", "has no secret in it: " + cure},
      {text.substr(0, 20), wrong},
      {std::string(44, '!'), wrong},
      {text + '\n' + text, "has more than one line that could be the secret: leave one"},
      {std::string(5000, '\n'), "is larger than 4096 bytes: it should have one line, the secret"},
  };
  for (const auto& [content, wanted] : rows) {
    const std::string path = folder.write("secret", content);
    EXPECT_EQ(error_of(path, true), "state file " + path + ' ' + wanted);
    EXPECT_EQ(content_of(path), content);
  }
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(KeepSecret, RefusesWhatIsOpenToOthersOrNoFile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("secret", std::string(kNumberedKeyText));
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(error_of(path, true),
            "state file " + path + " is open to others than its owner: chmod 600 " + path);
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_EQ(error_of(folder.path(), true),
            "state file " + folder.path() + " is not a regular file: name the file that has the secret");
  std::filesystem::create_symlink(folder / "nowhere", folder / "link");
  EXPECT_EQ(error_of(folder / "link", true),
            "state file " + (folder / "link can't be opened: No such file or directory"));
  EXPECT_FALSE(std::filesystem::exists(folder / "nowhere"));
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  if (::chown(path.c_str(), 4711, static_cast<gid_t>(-1)) != 0)
    GTEST_SKIP() << "only root can give a file away";
  EXPECT_EQ(error_of(path, true), "state file " + path +
                                      " belongs to another user (4711): its owner knows what is in it. "
                                      "Remove it, and the next start makes a "
                                      "new one");
}

TEST(KeepSecret, IsMadeOnFileSystemsWithoutHardLinks) {
  for (const auto& [link_error, rename_error] :
       {std::pair{EPERM, 0}, {EOPNOTSUPP, 0}, {EPERM, EINVAL}, {EPERM, ENOSYS}}) {
    const TemporaryFolder folder;
    test::TestRandom random(1);
    fails = {link_error, rename_error, false};
    const auto made = keep_secret(folder / "secret", random);
    const auto again = keep_secret(folder / "secret", random);
    fails = {};
    ASSERT_TRUE(made) << made.error().text;
    ASSERT_TRUE(again);
    EXPECT_EQ(made->bytes, again->bytes);
    EXPECT_EQ(mode_of(folder / "secret"), 0600U);
    EXPECT_EQ(files_in(folder.path()), 1U);
  }
}

TEST(KeepSecret, LinkThatWorkedAndIsReportedAsFailedCounts) {
  const TemporaryFolder folder;
  test::TestRandom random(1);
  fails = {EIO, 0, true};
  const auto made = keep_secret(folder / "secret", random);
  fails = {EIO, 0, false};
  const auto failed = keep_secret(folder / "other", random);
  fails = {};
  EXPECT_TRUE(made);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().text, "state file " + (folder / "other can't be made: Input/output error"));
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(KeepSecret, SaysWhyItCannotBeMade) {
  const TemporaryFolder folder;
  const std::string path = folder.write("file", "") + "/mptunnel/secret";
  EXPECT_EQ(error_of(path, false), "state file " + path + " can't be made: Not a directory");
  EXPECT_EQ(error_of("/proc/mptunnel/secret", false),
            "state file /proc/mptunnel/secret can't be made: No such file or directory");
}

}  // namespace
}  // namespace mptunnel
