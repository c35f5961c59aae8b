#include "mptunnel/control/control_path.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::TemporaryFolder;

TEST(ControlPath, IsBelowTheRuntimeDirectory) {
  EXPECT_EQ(control_folder({.uid = 0, .runtime_dir = "/run/user/0"}, true), "/run/mptunnel");
  EXPECT_EQ(control_folder({.uid = 1000, .runtime_dir = "/run/user/1000"}, true), "/run/user/1000/mptunnel");
  EXPECT_EQ(control_socket_name("mpclient", 3000), "mpclient-3000.sock");
}

TEST(ControlPath, IsInAFolderOfTheUsersOwnWithoutRuntimeDirectory) {
  const TemporaryFolder folder;
  for (const char* runtime : {"", "relative"}) {
    const RuntimeUser user{
        .uid = geteuid() == 0 ? 1U : geteuid(), .runtime_dir = runtime, .temporary = folder.path()};
    const std::string own = folder / ("mptunnel-" + std::to_string(user.uid));
    EXPECT_EQ(control_folder(user, false), own + "/mptunnel");
    EXPECT_FALSE(std::filesystem::exists(own));
  }
}

TEST(ControlPath, MakesThatFolderForItsOwnerAlone) {
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
  const RuntimeUser user{
      .uid = geteuid() == 0 ? 65534U : geteuid(), .runtime_dir = "", .temporary = folder.path()};
  const std::string own = folder / ("mptunnel-" + std::to_string(user.uid));
  // Root has /run, and plays another user.
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(user.uid) != 0) _exit(2);
    const bool is_made = control_folder(user, true) == own + "/mptunnel";
    _exit(is_made && control_folder(user, true) == own + "/mptunnel" ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 0);
  struct stat status {};
  ASSERT_EQ(stat(own.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
}

TEST(ControlPath, RefusesAFolderThatIsNotTheUsersAlone) {
  const TemporaryFolder folder;
  // The folders here belong to the user who runs the test, which is another one.
  const RuntimeUser user{.uid = geteuid() + 1, .runtime_dir = "", .temporary = folder.path()};
  const std::string own = folder / ("mptunnel-" + std::to_string(user.uid));
  std::filesystem::create_directory(own);
  EXPECT_EQ(control_folder(user, true).error(), own + " belongs to another user, and is not used");
  EXPECT_EQ(control_folder(user, false).error(), own + " belongs to another user, and is not used");
  std::filesystem::remove(own);
  std::filesystem::create_symlink(folder.path(), own);
  EXPECT_EQ(control_folder(user, true).error(), own + " is no folder: remove it");
  std::filesystem::remove(own);
  ASSERT_EQ(mkdir(own.c_str(), 0700), 0);
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(own.c_str(), user.uid, user.uid), 0);
  EXPECT_TRUE(control_folder(user, true));
  ASSERT_EQ(chmod(own.c_str(), 0750), 0);
  EXPECT_EQ(control_folder(user, true).error(), own + " is open to other users: 'chmod 700 " + own + "'");
}

}  // namespace
}  // namespace mptunnel
