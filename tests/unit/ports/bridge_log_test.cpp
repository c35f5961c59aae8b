#include "mptunnel/ports/bridge_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "unit/ports/captured_log.h"
#include "unit/ports/endpoints.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::bridge_at;

class BridgeLogTest : public testing::Test {
 protected:
  const Endpoint remote_ = bridge_at("192.0.2.1");
  const Endpoint other_ = bridge_at("192.0.2.2");
  const Endpoint local_ = bridge_at("10.0.0.1", 5000);
  test::CapturedLog lines_;
  TimePoint now_ = TimePoint{} + 1h;
  LimitedLog limited_{[this] { return now_; }};
  BridgeLog log_{"b", "eth0", limited_};
};

TEST_F(BridgeLogTest, SaysWhereABridgeIsAndWhereItMoves) {
  log_.turned_to(remote_, local_, {});
  EXPECT_EQ(lines_.take(), "info: bridge b is 192.0.2.1:4000, sending from 10.0.0.1:5000 over eth0\n");
  log_.turned_to(other_, local_, remote_);
  EXPECT_EQ(lines_.take(), "info: bridge b moved from 192.0.2.1:4000 to 192.0.2.2:4000\n");
}

TEST_F(BridgeLogTest, AttemptIsToldOnceItAnswers) {
  log_.attempts(other_);
  EXPECT_EQ(lines_.take(), "");
  log_.answers(other_, local_);
  EXPECT_EQ(lines_.take(), "info: bridge b is 192.0.2.2:4000, sending from 10.0.0.1:5000\n");
  log_.answers(other_, local_);
  EXPECT_EQ(lines_.take(), "");
}

TEST_F(BridgeLogTest, ProblemIsToldOnceForAsLongAsItLasts) {
  const std::string line =
      "warning: bridge b: it rains; trying again until it works; other paths are not affected\n";
  log_.has_problem("it rains");
  EXPECT_EQ(lines_.take(), line);
  log_.has_problem("it rains");
  EXPECT_EQ(lines_.take(), "");
  log_.turned_to(remote_, local_, remote_);
  lines_.take();
  log_.has_problem("it rains");
  EXPECT_EQ(lines_.take(), line);
  log_.knows_problem("it snows");
  log_.has_problem("it snows");
  EXPECT_EQ(lines_.take(), "");
}

TEST_F(BridgeLogTest, ErrorIsToldOnceUntilTheBridgeAnswers) {
  EXPECT_EQ(log_.meets_error(ECONNREFUSED, remote_),
            "nothing listens on 192.0.2.1:4000 (connection refused)");
  EXPECT_EQ(lines_.take(), "warning: bridge b: nothing listens on 192.0.2.1:4000 (connection refused)\n");
  EXPECT_FALSE(log_.meets_error(ECONNREFUSED, remote_));
  EXPECT_EQ(log_.meets_error(EIO, remote_), "sending to 192.0.2.1:4000 fails: Input/output error");
  log_.answers(remote_, local_);
  EXPECT_TRUE(log_.meets_error(EIO, remote_));
}

TEST_F(BridgeLogTest, LossesAreNoErrors) {
  for (const int error : {EAGAIN, ENOBUFS, EMSGSIZE}) EXPECT_FALSE(log_.meets_error(error, remote_));
  EXPECT_EQ(lines_.take(), "");
}

TEST_F(BridgeLogTest, TunnelIsToldWithTheCure) {
  log_.leads_over_tunnel("tun0", remote_);
  const std::string line = lines_.take();
  EXPECT_NE(line.find("warning: bridge b is reached over tun0, a tunnel"), std::string::npos);
  for (const std::string cure : {"dev=INTERFACE", "ip route add 192.0.2.1 via", "fwmark"})
    EXPECT_NE(line.find(cure), std::string::npos) << cure;
  for (int i = 0; i < 20; ++i) log_.leaves_tunnel();
  lines_.take();
  log_.leads_over_tunnel("tun0", remote_);
  EXPECT_EQ(lines_.take(), "") << "without end";
}

TEST_F(BridgeLogTest, ReasonsOfSilenceAreToldOnceEachAndNotWithoutEnd) {
  for (int i = 0; i < 5; ++i) {
    log_.explains("it rains");
    log_.explains("it snows");
  }
  EXPECT_EQ(lines_.take(),
            "warning: bridge b: it rains; trying again until it works; other paths are not affected\n"
            "warning: bridge b: it snows; trying again until it works; other paths are not affected\n");
  int told = 0;
  for (int i = 0; i < 20; ++i) {
    log_.answers(remote_, local_);
    log_.explains("it rains");
    told += lines_.take().empty() ? 0 : 1;
  }
  EXPECT_EQ(told, 4);
  log_.answers(remote_, local_);
  now_ += 1min;
  log_.explains("it rains");
  EXPECT_NE(lines_.take(), "");
}

TEST_F(BridgeLogTest, ErrorsThatTakeTurnsAreToldOnceEach) {
  for (int i = 0; i < 5; ++i) {
    log_.meets_error(EPERM, remote_);
    log_.meets_error(ECONNREFUSED, remote_);
  }
  const std::string lines = lines_.take();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_NE(lines.find("a firewall of this host forbids sending to 192.0.2.1:4000"), std::string::npos);
}

TEST_F(BridgeLogTest, WhatComesAndGoesIsToldEachHalfMinuteThenEachHourWithACount) {
  std::size_t lines = 0;
  std::size_t last_hour = 0;
  for (int second = 0; second < 4 * 3600; ++second) {
    now_ += 1s;
    log_.meets_error(ECONNREFUSED, remote_);
    log_.answers(remote_, local_);
    const std::string said = lines_.take();
    if (said.empty()) continue;
    ++lines;
    if (second > 3 * 3600) ++last_hour;
    if (lines == 7) {
      EXPECT_NE(said.find(" lines about it left out before)"), std::string::npos) << said;
    }
  }
  EXPECT_GE(lines, 20U);
  EXPECT_LE(lines, 24U);
  EXPECT_LE(last_hour, 1U);
  // After ten minutes of quiet all is as at first.
  now_ += 10min;
  log_.meets_error(EPERM, remote_);
  EXPECT_NE(lines_.take(), "");
}

}  // namespace
}  // namespace mptunnel
