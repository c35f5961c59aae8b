// Interfaces of a network namespace of the test's own; ip(8) says what became of them.
#include "mptunnel/net/link_config.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ip_command.h"
#include "mptunnel/net/interfaces.h"
#include "namespace_support.h"
#include "netlink_messages.h"
#include "network_rights.h"
#include "tun_namespace.h"

namespace mptunnel {
namespace {

using test::ask_ip;
using test::run_ip;

AddressPrefix prefix(std::string_view text) {
  return parse_address_prefix(text).value();
}

bool has_new_device() {
  return run_ip("link set lo up") && run_ip("tuntap add dev tunnel0 mode tun") &&
         run_ip("link set tunnel0 addrgenmode none");
}

void with_new_device(void (*body)()) {
  test::in_tun_namespace(body, has_new_device);
}

LinkConfig tunnel() {
  return {interface_number("tunnel0"), "tunnel0"};
}

/// What ip(8) says of tunnel0 has this in it.
bool shows(const std::string& what) {
  return ask_ip("-d addr show dev tunnel0").find(what) != std::string::npos;
}

TEST(LinkConfig, SetsUpMtuAndQueue) {
  with_new_device([] {
    const LinkConfig link = tunnel();
    EXPECT_TRUE(link.set_up(true));
    EXPECT_TRUE(shows(",UP"));
    EXPECT_TRUE(link.set_up(true));
    EXPECT_TRUE(link.set_mtu(1392));
    EXPECT_TRUE(shows("mtu 1392"));
    EXPECT_TRUE(link.set_queue_length(777));
    EXPECT_TRUE(shows("qlen 777"));
    EXPECT_TRUE(link.set_up(false));
    EXPECT_FALSE(shows(",UP"));
    EXPECT_TRUE(shows("mtu 1392"));
    const auto too_small = link.set_mtu(10);
    ASSERT_FALSE(too_small);
    EXPECT_EQ(too_small.error().find("the MTU of tunnel0 can't be 10: Invalid argument"), 0U)
        << too_small.error();
  });
}

TEST(LinkConfig, AddsAndRemovesAddresses) {
  with_new_device([] {
    const LinkConfig link = tunnel();
    ASSERT_TRUE(link.set_up(true));
    for (const char* text : {"10.77.0.1/24", "10.78.0.1/32", "fd77::1/64"}) {
      for (int times = 0; times < 2; ++times) {
        const auto added = link.add_address(prefix(text));
        EXPECT_TRUE(added) << added.error();
      }
      EXPECT_TRUE(shows(std::string(" ") + text + " ")) << text;
    }
    auto listed = link.addresses();
    ASSERT_TRUE(listed) << listed.error();
    std::sort(listed->begin(), listed->end());
    EXPECT_EQ(*listed, (std::vector{prefix("10.77.0.1/24"), prefix("10.78.0.1/32"), prefix("fd77::1/64")}));
    const auto longer = link.add_address(prefix("fd77::1/80"));
    ASSERT_FALSE(longer);
    EXPECT_NE(longer.error().find("another prefix length"), std::string::npos) << longer.error();
    for (const auto& address : *listed) {
      EXPECT_TRUE(link.remove_address(address));
      EXPECT_TRUE(link.remove_address(address));
    }
    EXPECT_TRUE(link.addresses()->empty());
    EXPECT_FALSE(shows("inet"));
  });
}

TEST(LinkConfig, AsksNobodyWhetherAnAddressIsTaken) {
  with_new_device([] {
    // On a TUN device there is nobody to ask.
    if (!run_ip("link add va type veth peer name vb") || !run_ip("link set vb up")) test::skip_in_namespace();
    const LinkConfig link(interface_number("va"), "va");
    ASSERT_TRUE(link.set_up(true));
    ASSERT_TRUE(link.add_address(prefix("fd78::1/64")));
    const std::string shown = ask_ip("-6 addr show dev va to fd78::/64");
    EXPECT_NE(shown.find("fd78::1/64"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("tentative"), std::string::npos) << shown;
  });
}

TEST(LinkConfig, ListsNoOthersAddresses) {
  with_new_device([] {
    ASSERT_TRUE(run_ip("addr add 10.99.0.1/24 dev lo"));
    EXPECT_TRUE(tunnel().addresses()->empty());
    const auto of_loopback = LinkConfig(interface_number("lo"), "lo").addresses();
    EXPECT_NE(std::find(of_loopback->begin(), of_loopback->end(), prefix("10.99.0.1/24")),
              of_loopback->end());
  });
}

TEST(LinkConfig, SaysWhatIsWrong) {
  with_new_device([] {
    const LinkConfig link = tunnel();
    const LinkConfig gone(987654, "gone0");
    EXPECT_EQ(gone.set_up(true).error(), "gone0 can't be switched on: No such device");
    EXPECT_NE(gone.add_address(prefix("10.77.0.1/24")).error().find("10.77.0.1/24 can't be given to gone0"),
              std::string::npos);
    EXPECT_TRUE(gone.remove_address(prefix("10.77.0.1/24")));
    EXPECT_TRUE(gone.remove_address(prefix("fd77::1/64")));
    test::give_up_network_rights();
    for (const auto& refused :
         {link.set_up(true), link.set_mtu(1400), link.set_queue_length(7),
          link.add_address(prefix("10.77.0.1/24")), link.remove_address(prefix("fd77::1/64"))}) {
      ASSERT_FALSE(refused);
      EXPECT_NE(refused.error().find("tunnel0"), std::string::npos) << refused.error();
      EXPECT_NE(refused.error().find("needs the capability CAP_NET_ADMIN"), std::string::npos)
          << refused.error();
    }
    EXPECT_TRUE(link.addresses());
  });
}

TEST(LinkConfig, SaysThatIpv6IsOff) {
  with_new_device([] {
    const LinkConfig link = tunnel();
    // Less than IPv6 needs.
    ASSERT_TRUE(link.set_up(true) && link.set_mtu(1000));
    const auto added = link.add_address(prefix("fd77::1/64"));
    ASSERT_FALSE(added);
    EXPECT_NE(added.error().find("fd77::1/64 can't be given to tunnel0"), std::string::npos) << added.error();
    ASSERT_TRUE(link.set_mtu(1400));
    const std::string off = "echo 1 > /proc/sys/net/ipv6/conf/tunnel0/disable_ipv6";
    if (std::system(off.c_str()) != 0) test::skip_in_namespace();  // NOLINT(concurrency-mt-unsafe)
    const auto refused = link.add_address(prefix("fd77::1/64"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("net.ipv6.conf.tunnel0.disable_ipv6"), std::string::npos)
        << refused.error();
  });
}

TEST(LinkAddress, IsReadFromAMessageAndNothingFromABrokenOne) {
  const test::Message ipv4 = test::address_message({.local = "10.77.0.1", .peer = "10.77.0.2", .prefix = 32});
  const test::Message ipv6 = test::address_message({.local = "fd77::1", .prefix = 64});
  EXPECT_EQ(read_link_address(ipv4, 2), prefix("10.77.0.1/32"));
  EXPECT_EQ(read_link_address(ipv6, 2), prefix("fd77::1/64"));
  EXPECT_EQ(read_link_address(ipv4, 3), std::nullopt);
  EXPECT_EQ(read_link_address(test::address_message({.prefix = 33}), 2), std::nullopt);
  EXPECT_EQ(read_link_address(test::address_message({}, RTM_DELADDR), 2), std::nullopt);
  EXPECT_EQ(read_link_address({}, 2), std::nullopt);
  for (const test::Message& whole : {ipv4, ipv6}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      test::Message cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(read_link_address(cut, 2), std::nullopt);
      // The same with a header that agrees: whatever is read is an address or none.
      if (size < sizeof(nlmsghdr)) continue;
      cut = test::finished(std::move(cut), RTM_NEWADDR);
      const auto read = read_link_address(cut, 2);
      EXPECT_TRUE(!read || read->length <= read->address.bits());
    }
  }
}

}  // namespace
}  // namespace mptunnel
