#include "mptunnel/ports/application_table.h"

#include <gtest/gtest.h>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/engine/client_engine.h"
#include "support/test_random.h"

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

Output ended(FlowHandle source) {
  Output out;
  out.flow_changes.push_back({source, 0, false});
  return out;
}

TEST(ApplicationTable, ForgottenSourceIsUnknownAndItsAddressBeginsAnew) {
  ApplicationTable table(kIdentity);
  const FlowHandle handle = table.use(application(1)).handle;
  for (int i = 0; i < 2; ++i) {
    Output out = ended(handle);
    table.follow(out);
    EXPECT_TRUE(out.flow_changes.empty());
  }
  EXPECT_EQ(table.find(handle), nullptr);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_NE(table.use(application(1)).handle, handle) << "a late delivery must not reach it";
}

TEST(ApplicationTable, HasTheSourcesThatTheEngineHasFlowsOf) {
  // Of two idle applications one makes room for a third, and the other for the first when it comes back at
  // once.
  test::TestRandom random{1};
  ClientSettings settings;
  settings.identity = kIdentity;
  settings.paths = 1;
  settings.max_flows = 2;
  ClientEngine engine(settings, random);
  ApplicationTable table(kIdentity);
  Output out;
  std::vector<std::uint8_t> payload{1};
  const auto send = [&](std::uint16_t port, TimePoint now) {
    const FlowSource source = table.use(application(port));
    engine.on_application({payload, 1}, source, out, now);
    table.follow(out);
    return source.handle;
  };
  const TimePoint start{std::chrono::hours(1)};
  const FlowHandle first = send(1, start);
  send(2, start);
  send(3, start + kFlowEvictableAfter);
  EXPECT_EQ(table.find(first), nullptr);
  const FlowHandle again = send(1, start + kFlowEvictableAfter);
  EXPECT_NE(again, first);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_NE(table.find(again), nullptr);
  EXPECT_EQ(engine.state().flows.size(), 2U);
  send(4, start + kFlowEvictableAfter);
  EXPECT_EQ(table.size(), 2U) << "a source that is refused is forgotten";
  EXPECT_EQ(engine.drops()[Drop::flow_limit], 1U);
}

}  // namespace
}  // namespace mptunnel
