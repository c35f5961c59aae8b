#include "mptunnel/ports/application_table.h"

#include <gtest/gtest.h>

#include "mptunnel/crypto/kdf.h"

namespace mptunnel {
namespace {

constexpr ClientIdentity kIdentity{1, 2, 3};

Route application(std::uint16_t port, std::uint16_t listen_port = 3000) {
  return {*parse_numeric_endpoint("127.0.0.1", port), *parse_numeric_endpoint("127.0.0.1", listen_port)};
}

TEST(ApplicationTable, EachAddressIsASourceOfItsOwn) {
  ApplicationTable table(kIdentity);
  const FlowSource one = table.use(application(1));
  const FlowSource two = table.use(application(2));
  EXPECT_NE(one.handle, two.handle);
  EXPECT_NE(one.hash, two.hash);
  EXPECT_EQ(table.use(application(1)).handle, one.handle);
  EXPECT_EQ(table.size(), 2U);
}

TEST(ApplicationTable, HashIsThatOfTheAddressUnderTheIdentity) {
  ApplicationTable table(kIdentity);
  EXPECT_EQ(table.use(application(1)).hash, derive_flow_hash(kIdentity, application(1).remote));
  ApplicationTable other(ClientIdentity{9});
  EXPECT_NE(other.use(application(1)).hash, table.use(application(1)).hash);
}

TEST(ApplicationTable, RepliesLeaveFromTheAddressThatWasSentToLast) {
  ApplicationTable table(kIdentity);
  const FlowHandle handle = table.use(application(1, 3000)).handle;
  table.use(application(1, 3001));
  ASSERT_NE(table.find(handle), nullptr);
  EXPECT_EQ(*table.find(handle), application(1, 3001));
}

TEST(ApplicationTable, ForgottenSourceIsUnknownAndItsAddressBeginsAnew) {
  ApplicationTable table(kIdentity);
  const FlowHandle handle = table.use(application(1)).handle;
  table.forget(handle);
  table.forget(handle);
  EXPECT_EQ(table.find(handle), nullptr);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_NE(table.use(application(1)).handle, handle) << "a late delivery must not reach it";
}

}  // namespace
}  // namespace mptunnel
