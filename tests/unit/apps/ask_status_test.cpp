#include "mptunnel/apps/ask_status.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mptunnel/apps/start.h"
#include "mptunnel/net/control_socket.h"
#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::TemporaryFolder;

/// A user whose sockets are below `folder`.
RuntimeUser user_of(const TemporaryFolder& folder) {
  return {.uid = 1000, .runtime_dir = folder.path()};
}

CommandLine asking(const std::string& config = "") {
  CommandLine line;
  line.action = Action::status;
  line.config_path = config;
  return line;
}

std::string found(const std::string& program, const CommandLine& line, const RuntimeUser& user) {
  const auto path = find_instance(program, line, user);
  return path ? *path : "exit " + std::to_string(path.error().exit_code) + ": " + path.error().lines.front();
}

/// A socket that somebody listens on, in a loop that does not run.
class Listener {
 public:
  explicit Listener(const std::string& path)
      : server_(loop_, [](std::string_view) { return std::string(); }) {
    const auto opened = server_.open(path);
    EXPECT_TRUE(opened) << opened.error();
  }

 private:
  Loop loop_;
  ControlServer server_;
};

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
  // The folders here belong to who runs the test, which is another user than this one.
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

TEST(FindInstance, TakesTheOneThatRuns) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  EXPECT_EQ(
      found("mpclient", asking(), user),
      "exit 1: mpclient: no instance of this user runs (none has a socket in " + (folder / "mptunnel)"));
  const Listener one(folder / "mptunnel/mpclient-3000.sock");
  const Listener other_program(folder / "mptunnel/mpserver-2000.sock");
  static_cast<void>(folder.write("mptunnel/mpclient-3001.sock", ""));
  EXPECT_EQ(found("mpclient", asking(), user), folder / "mptunnel/mpclient-3000.sock");
  const Listener two(folder / "mptunnel/mpclient-3002.sock");
  const auto several = find_instance("mpclient", asking(), user);
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().exit_code, 2);
  EXPECT_EQ(several.error().lines,
            (std::vector<std::string>{
                "mpclient: several instances run; say which one to ask:",
                "  mpclient --status --control " + (folder / "mptunnel/mpclient-3000.sock"),
                "  mpclient --status --control " + (folder / "mptunnel/mpclient-3002.sock")}));
}

TEST(FindInstance, FollowsTheConfiguration) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  // The key file is not there: who asks needs none.
  const std::string client = folder.write("c", "h 1\nlisten 127.0.0.1:3456\nlisten 3457\nkey-file missing\n");
  EXPECT_EQ(found("mpclient", asking(client), user), folder / "mptunnel/mpclient-3456.sock");
  EXPECT_EQ(found("mpclient", asking(folder.write("d", "h 1\n")), user),
            folder / "mptunnel/mpclient-3000.sock");
  const std::string server = folder.write("s", "listen 2345\ntarget h:1\n");
  EXPECT_EQ(found("mpserver", asking(server), user), folder / "mptunnel/mpserver-2345.sock");
  const std::string bad = folder.write("b", "h 0\n");
  EXPECT_TRUE(found("mpclient", asking(bad), user).starts_with("exit 2: " + bad + ":1: "));
  EXPECT_EQ(found("mpclient", asking(folder / "x"), user),
            "exit 2: " + (folder / "x: cannot be read: No such file or directory"));
}

TEST(FindInstance, FollowsTheServersArguments) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  CommandLine line = asking();
  line.status_port = 2000;
  EXPECT_EQ(found("mpserver", line, user), folder / "mptunnel/mpserver-2000.sock");
  const char* const words[] = {"mpserver", "--status", "--listen", "::1", "2001", "vpn.lan", "1194"};
  const auto full = parse_mpserver_command_line(7, words, {}, "1");
  ASSERT_TRUE(full);
  EXPECT_EQ(found("mpserver", *full, user), folder / "mptunnel/mpserver-2001.sock");
}

TEST(FindInstance, TakesTheSocketThatIsNamed) {
  const TemporaryFolder folder;
  CommandLine line = asking(folder.write("c", "h 1\n"));
  line.control = "some/where";
  EXPECT_EQ(found("mpclient", line, user_of(folder)), "some/where");
  line.control = "none";
  EXPECT_EQ(found("mpclient", line, user_of(folder)),
            "exit 2: mpclient: an instance without a control socket can't be asked");
  const Listener listener(folder / "socket");
  EXPECT_EQ(found("mpclient", asking(folder / "socket"), user_of(folder)), folder / "socket");
}

TEST(StartOptions, TakeTheControlSocketOfTheCommandLine) {
  CommandLine line;
  EXPECT_EQ(merge_options(line, {}).control, "");
  line.control = "s";
  EXPECT_EQ(merge_options(line, {}).control, "s");
}

}  // namespace
}  // namespace mptunnel
