#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "mptunnel/host/system.h"

namespace mptunnel {
namespace {

TEST(MachineId, IsOneWordAndStays) {
  const std::string id = machine_id();
  EXPECT_FALSE(id.empty());
  EXPECT_TRUE(std::none_of(id.begin(), id.end(), [](unsigned char c) { return std::isspace(c) != 0; })) << id;
  EXPECT_EQ(id, machine_id());
}

}  // namespace
}  // namespace mptunnel
