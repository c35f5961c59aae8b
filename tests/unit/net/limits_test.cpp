#include "mptunnel/net/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>

namespace mptunnel {
namespace {

TEST(Limits, OpenFileLimitRisesToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lowered{std::min<rlim_t>(64, before.rlim_max), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  EXPECT_EQ(raise_open_file_limit(), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Limits, MachineIdIsOneWordAndStays) {
  const std::string id = machine_id();
  EXPECT_FALSE(id.empty());
  EXPECT_TRUE(std::none_of(id.begin(), id.end(), [](unsigned char c) { return std::isspace(c) != 0; })) << id;
  EXPECT_EQ(id, machine_id());
}

}  // namespace
}  // namespace mptunnel
