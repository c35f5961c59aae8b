#include "mptunnel/ports/bridges.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"
#include "unit/ports/interfaces.h"
#include "unit/ports/recorded_events.h"

namespace mptunnel {
namespace {

using Texts = std::vector<std::string>;

BridgeConfig line(const std::string& host, const std::string& device = "") {
  BridgeConfig config;
  config.remote = {host, 4000};
  config.name = to_string(config.remote);
  if (!device.empty()) config.devices = {device};
  return config;
}

class BridgesTest : public testing::Test {
 protected:
  void add_interface(int index, const std::string& name) {
    test::set_interface(table_, index, name);
    test::add_address(table_, static_cast<std::uint32_t>(index), "10.0." + std::to_string(index) + ".1");
  }
  Bridges& start(const std::vector<BridgeConfig>& lines) {
    config_.bridges = lines;
    bridges_ = std::make_unique<Bridges>(config_, ClientIdentity{}, ports_.context, table_, events_);
    bridges_->start();
    return *bridges_;
  }

  test::CapturedLog lines_;
  test::FakePorts ports_;
  InterfaceTable table_;
  test::RecordedEvents events_;
  ClientConfig config_;
  std::unique_ptr<Bridges> bridges_;
};

TEST_F(BridgesTest, EachPlainLineIsOnePath) {
  Bridges& bridges = start({line("192.0.2.1"), line("192.0.2.2", "eth0")});
  EXPECT_EQ(events_.take(), (Texts{"made 192.0.2.1:4000 0", "made 192.0.2.2:4000 1"}));
  EXPECT_EQ(bridges.find(PathId{1})->device(), "eth0");
  EXPECT_EQ(bridges.find(PathId{2}), nullptr);
  EXPECT_EQ(ports_.asked, 2);
}

TEST_F(BridgesTest, PatternIsOnePathForEachInterface) {
  add_interface(1, "eth0");
  add_interface(2, "wwan0");
  start({line("192.0.2.1", "*")});
  EXPECT_EQ(events_.take(), (Texts{"made 192.0.2.1:4000@eth0 0", "made 192.0.2.1:4000@wwan0 1"}));
}

TEST_F(BridgesTest, PathOfAPatternGoesAndComesBackUnderItsId) {
  add_interface(1, "eth0");
  add_interface(2, "wwan0");
  Bridges& bridges = start({line("192.0.2.1", "*")});
  events_.take();
  test::set_interface(table_, 1, "eth0", false);
  bridges.on_interfaces();
  EXPECT_EQ(events_.take(), Texts{"unavailable 0"});
  EXPECT_EQ(bridges.find(PathId{0}), nullptr);
  add_interface(3, "usb0");
  bridges.on_interfaces();
  EXPECT_EQ(events_.take(), Texts{"made 192.0.2.1:4000@usb0 2"});
  add_interface(1, "eth0");
  bridges.on_interfaces();
  EXPECT_EQ(events_.take(), Texts{"made 192.0.2.1:4000@eth0 0"});
}

TEST_F(BridgesTest, PatternWithoutInterfaceIsAProblem) {
  Bridges& bridges = start({line("192.0.2.1", "eth*")});
  const Texts problems{"bridge 192.0.2.1:4000: no interface that it could use is up and has an address"};
  EXPECT_EQ(bridges.problems(), problems);
  EXPECT_EQ(lines_.take(), "warning: " + problems.front() + "\n");
  add_interface(1, "eth0");
  bridges.on_interfaces();
  EXPECT_EQ(bridges.problems(), Texts());
}

TEST_F(BridgesTest, InterfaceThatComesAndGoesIsSaidAFewTimesThenRarelyWithACount) {
  add_interface(1, "eth0");
  Bridges& bridges = start({line("192.0.2.1", "*")});
  std::size_t at_first = 0;
  std::size_t later = 0;
  bool has_count = false;
  for (int minute = 0; minute < 240; ++minute) {
    for (int i = 0; i < 10; ++i) {
      for (const bool is_up : {false, true}) {
        test::set_interface(table_, 1, "eth0", is_up);
        bridges.on_interfaces();
        // Those of bridges that are gone are cancelled.
        if (!is_up) ports_.questions.clear();
        if (is_up) ports_.answer({"192.0.2.1"});
      }
      ports_.clock.advance(6s);
    }
    const std::string said = lines_.take();
    (minute < 60 ? at_first : later) += static_cast<std::size_t>(std::count(said.begin(), said.end(), '\n'));
    has_count = has_count || said.find("lines about it left out before)") != std::string::npos;
  }
  EXPECT_GE(at_first, 4U);
  EXPECT_LE(at_first, 2 * (kNewsBeforeHourly + 1)) << "of the interface, and of the bridge";
  EXPECT_LE(later, 2U * 3U);
  EXPECT_TRUE(has_count);
}

TEST_F(BridgesTest, PathsAreTooManyIsNotSaidWithoutEnd) {
  const int interfaces = static_cast<int>(kMaxPaths) + 1;
  for (int i = 1; i <= interfaces; ++i) add_interface(i, "eth" + std::to_string(i));
  Bridges& bridges = start({line("192.0.2.1", "*")});
  for (int i = 0; i < 1000; ++i) {
    test::set_interface(table_, 1 + i % 2, "eth" + std::to_string(1 + i % 2), i % 4 >= 2);
    bridges.on_interfaces();
  }
  const std::string said = lines_.take();
  std::size_t count = 0;
  for (std::size_t at = said.find("paths already"); at != std::string::npos;
       at = said.find("paths already", at + 1))
    ++count;
  EXPECT_GE(count, 1U);
  EXPECT_LE(count, static_cast<std::size_t>(kNewsBurst));
}

TEST_F(BridgesTest, PathsAreNoMoreThanThereAreIds) {
  for (int i = 1; i <= static_cast<int>(kMaxPaths) + 2; ++i) add_interface(i, "eth" + std::to_string(i));
  Bridges& bridges = start({line("192.0.2.1"), line("192.0.2.2", "*")});
  EXPECT_EQ(events_.take().size(), kMaxPaths);
  EXPECT_EQ(bridges.problems(), Texts());
  EXPECT_NE(lines_.take().find("there are 32 paths already"), std::string::npos);
}

}  // namespace
}  // namespace mptunnel
