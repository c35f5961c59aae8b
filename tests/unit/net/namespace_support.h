// Tests in a network namespace of their own, where they may change whatever they like.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

namespace mptunnel::test {

inline constexpr int kSkippedCode = 77;

/// In the child of in_namespace(): ends it, and skips the test.
[[noreturn]] inline void skip_in_namespace() {
  std::fflush(nullptr);
  _exit(kSkippedCode);
}

/// Runs `body` in a child in a new namespace, after `set_up`, which says whether it could do its work. The
/// child's failures fail the test. `why` is printed if it is skipped.
inline void in_namespace(bool (*set_up)(), void (*body)(),
                         const char* why = "no right to make a network namespace") {
  std::fflush(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool alone = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (!alone || !set_up()) skip_in_namespace();
    try {
      body();
    } catch (const std::exception& problem) {
      ADD_FAILURE() << problem.what();
    }
    std::fflush(nullptr);
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kSkippedCode) GTEST_SKIP() << why << ": NOT TESTED";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "see the child's output above";
}

}  // namespace mptunnel::test
