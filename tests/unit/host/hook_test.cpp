#include "mptunnel/host/hook.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "file_support.h"
#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::content_of;
using test::TemporaryFolder;

using Failures = std::vector<std::string>;

TEST(Hooks, RunByTheShellWithTheirVariables) {
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  Hooks hooks;
  const std::array<std::string, 2> variables{"MPTUNNEL_DEVICE=tun7", "OUT=" + path};
  ASSERT_TRUE(hooks.run("echo \"$MPTUNNEL_DEVICE\" | tr t T > \"$OUT\"", variables));
  EXPECT_FALSE(hooks.empty());
  EXPECT_EQ(hooks.finish(10s), Failures{});
  EXPECT_TRUE(hooks.empty());
  EXPECT_EQ(content_of(path), "Tun7\n");
}

TEST(Hooks, SayHowTheyEndedIfNotWell) {
  Hooks hooks;
  ASSERT_TRUE(hooks.run("exit 3", {}));
  EXPECT_EQ(hooks.finish(10s), Failures{"'exit 3' ended with code 3"});
  ASSERT_TRUE(hooks.run("kill -TERM $$", {}));
  EXPECT_EQ(hooks.finish(10s), Failures{"'kill -TERM $$' was ended by signal 15"});
}

TEST(Hooks, AreEndedIfTheyTakeTooLong) {
  Hooks hooks;
  ASSERT_TRUE(hooks.run("exec sleep 100", {}));
  EXPECT_EQ(hooks.take_failures(), Failures{});
  EXPECT_EQ(hooks.finish(50ms), Failures{"'exec sleep 100' took too long, and was ended"});
  EXPECT_TRUE(hooks.empty());
}

TEST(Hooks, AreEndedWithWhatTheyStarted) {
  const TemporaryFolder folder;
  const std::string path = folder / "process";
  Hooks hooks;
  const std::array<std::string, 1> variables{"OUT=" + path};
  ASSERT_TRUE(hooks.run("sleep 100 & echo $! > \"$OUT\"; wait", variables));
  for (int i = 0; i < 500 && content_of(path).empty(); ++i) usleep(10'000);
  const pid_t child = std::stoi(content_of(path));
  EXPECT_EQ(hooks.finish(0s).size(), 1U);
  // It may be dead and not yet reaped: by then it has no memory any more.
  std::string status;
  for (int i = 0; i < 500; ++i) {
    status = content_of("/proc/" + std::to_string(child) + "/cmdline");
    if (status.empty()) break;
    usleep(10'000);
  }
  EXPECT_EQ(status, "");
}

TEST(Hooks, VariablesReplaceThoseOfTheProgram) {
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  ASSERT_EQ(setenv("MPTUNNEL_TEST_HOOK", "old", 1), 0);
  Hooks hooks;
  const std::array<std::string, 2> variables{"MPTUNNEL_TEST_HOOK=new", "OUT=" + path};
  ASSERT_TRUE(hooks.run("env | grep -c ^MPTUNNEL_TEST_HOOK= > \"$OUT\"; echo $MPTUNNEL_TEST_HOOK >> \"$OUT\"",
                        variables));
  EXPECT_EQ(hooks.finish(10s), Failures{});
  unsetenv("MPTUNNEL_TEST_HOOK");
  EXPECT_EQ(content_of(path), "1\nnew\n");
}

TEST(Hooks, HaveALimit) {
  Hooks hooks;
  for (std::size_t i = 0; i < Hooks::kMost; ++i) ASSERT_TRUE(hooks.run("exec sleep 100", {}));
  const auto one_more = hooks.run("true", {});
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error(), "'true' is not run: 8 commands that were run before have not ended");
  EXPECT_EQ(hooks.finish(0s).size(), Hooks::kMost);
}

TEST(Hooks, FindSignalsAsAProgramDoes) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigset_t before;
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &signals, &before), 0);
  Hooks hooks;
  ASSERT_TRUE(hooks.run("kill -TERM $$; exit 9", {}));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(hooks.finish(10s), Failures{"'kill -TERM $$; exit 9' was ended by signal 15"});
}

}  // namespace
}  // namespace mptunnel
