#include "mptunnel/ports/interface_rules.h"

#include <gtest/gtest.h>

#include "unit/ports/endpoints.h"
#include "unit/ports/interfaces.h"

namespace mptunnel {
namespace {

using test::bridge_at;

/// eth0 (1) is up with 10.0.0.1, wwan0 (2) is down with 10.1.0.1, tun0 (3) is up with 10.8.0.1.
InterfaceTable host() {
  InterfaceTable table;
  test::set_interface(table, 1, "eth0");
  test::add_address(table, 1, "10.0.0.1");
  test::set_interface(table, 2, "wwan0", false);
  test::add_address(table, 2, "10.1.0.1");
  test::set_interface(table, 3, "tun0", true, "tun");
  test::add_address(table, 3, "10.8.0.1");
  return table;
}

std::string problem(const SendFrom& from, std::string_view remote = "192.0.2.1") {
  return interface_problem(host(), from, bridge_at(remote)).value_or("none");
}

TEST(InterfaceRules, DeviceMustBeThereAndUpWithAnAddressOfTheFamily) {
  EXPECT_EQ(problem({.device = "", .bind = {}}), "none");
  EXPECT_EQ(problem({.device = "eth0", .bind = {}}), "none");
  EXPECT_EQ(problem({.device = "eth9", .bind = {}}), "there is no interface eth9");
  EXPECT_EQ(problem({.device = "wwan0", .bind = {}}), "interface wwan0 is down");
  EXPECT_EQ(problem({.device = "eth0", .bind = {}}, "2001:db8::1"), "interface eth0 has no IPv6 address");
}

TEST(InterfaceRules, BindAddressMustBeOneOfAnInterfaceThatIsUp) {
  EXPECT_EQ(problem({.device = "", .bind = bridge_at("10.0.0.1")}), "none");
  EXPECT_EQ(problem({.device = "", .bind = bridge_at("127.0.0.1")}), "none");
  EXPECT_EQ(problem({.device = "", .bind = bridge_at("0.0.0.0")}), "none");
  EXPECT_EQ(problem({.device = "", .bind = bridge_at("10.9.9.9")}),
            "10.9.9.9 is not an address of this host");
  EXPECT_EQ(problem({.device = "", .bind = bridge_at("10.1.0.1")}), "interface wwan0 of 10.1.0.1 is down");
}

TEST(InterfaceRules, UnreadTableHoldsNothingAgainstAnything) {
  const InterfaceTable unread;
  EXPECT_FALSE(interface_problem(unread, {.device = "eth9", .bind = {}}, bridge_at("192.0.2.1")));
  EXPECT_TRUE(is_same_device(unread, "eth9", 5));
  EXPECT_TRUE(is_valid_source(unread, bridge_at("10.9.9.9")));
}

TEST(InterfaceRules, DeviceIsTheSameByItsIndex) {
  EXPECT_TRUE(is_same_device(host(), "eth0", 1));
  EXPECT_FALSE(is_same_device(host(), "eth0", 7));
  EXPECT_FALSE(is_same_device(host(), "eth9", 1));
  EXPECT_TRUE(is_same_device(host(), "", 7));
}

TEST(InterfaceRules, SourceIsAnAddressThatIsUp) {
  EXPECT_TRUE(is_valid_source(host(), bridge_at("10.0.0.1")));
  EXPECT_TRUE(is_valid_source(host(), bridge_at("127.0.0.1")));
  EXPECT_FALSE(is_valid_source(host(), bridge_at("10.1.0.1")));
  EXPECT_FALSE(is_valid_source(host(), bridge_at("10.9.9.9")));
}

class PatternTest : public testing::Test {
 protected:
  PatternTest() {
    BridgeConfig line;
    line.remote = {"192.0.2.1", 4000};
    line.devices = {"*"};
    config_.bridges = {line};
  }
  [[nodiscard]] bool fits(std::string_view name) const {
    const InterfaceTable table = host();
    return fits_pattern(config_, config_.bridges.front(), *table.find(name));
  }
  ClientConfig config_;
};

TEST_F(PatternTest, FitsUplinksThatAreUp) {
  EXPECT_TRUE(fits("eth0"));
  EXPECT_FALSE(fits("wwan0"));
  EXPECT_FALSE(fits("tun0"));
  config_.bridges.front().remote.host = "2001:db8::1";
  EXPECT_FALSE(fits("eth0"));
}

TEST_F(PatternTest, ExcludedAndNamedInterfacesAreLeftOut) {
  config_.dev_exclude = {"eth*"};
  EXPECT_FALSE(fits("eth0"));
  config_.dev_exclude.clear();
  BridgeConfig named = config_.bridges.front();
  named.devices = {"eth0"};
  config_.bridges.push_back(named);
  EXPECT_FALSE(fits("eth0"));
  config_.bridges.back().remote.port = 4001;
  EXPECT_TRUE(fits("eth0"));
}

}  // namespace
}  // namespace mptunnel
