#include "mptunnel/ports/filter_watch.h"

#include <gtest/gtest.h>

#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

TEST(FilterWatch, ReadsTheCounterOfTheKernel) {
  const std::string text =
      "TcpExt: SyncookiesSent IPReversePathFilter TCPTimeWaitOverflow\nTcpExt: 7 42 9\n"
      "IpExt: InNoRoutes InTruncatedPkts\nIpExt: 1 2\n";
  EXPECT_EQ(filtered_packets_in(text), 42U);
  EXPECT_EQ(filtered_packets_in("IpExt: A B\nIpExt: 1 2\n"), std::nullopt);
  EXPECT_EQ(filtered_packets_in("TcpExt: A IPReversePathFilter\nTcpExt: 1\n"), std::nullopt);
  EXPECT_EQ(filtered_packets_in("TcpExt: IPReversePathFilter\nTcpExt: x\n"), std::nullopt);
  EXPECT_EQ(filtered_packets_in(""), std::nullopt);
}

TEST(FilterWatch, TellsOfPacketsThatAreDroppedNowAndForgetsThemLater) {
  test::CapturedLog lines;
  test::FakeClock clock;
  std::uint64_t count = 1000;
  const FilterWatch watch(clock, [&] { return std::optional(count); });
  clock.advance(10s);
  EXPECT_EQ(watch.problem(), "") << "what was dropped before";
  EXPECT_EQ(lines.take(), "");
  count += 5;
  clock.advance(2s);
  EXPECT_TRUE(watch.problem().starts_with("the kernel has dropped 5 packets")) << watch.problem();
  EXPECT_NE(lines.take().find("warning: the kernel has dropped 5 packets"), std::string::npos);
  for (int i = 0; i < 20; ++i) {
    ++count;
    clock.advance(2s);
  }
  EXPECT_EQ(lines.take(), "") << "once a minute";
  count += 10;
  clock.advance(30s);
  count += 1;
  clock.advance(2s);
  EXPECT_NE(lines.take().find("dropped 31 packets"), std::string::npos) << "with what was held back";
  clock.advance(1min);
  EXPECT_EQ(watch.problem(), "");
}

}  // namespace
}  // namespace mptunnel
