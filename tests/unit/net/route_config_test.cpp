// Routes and rules of a network namespace of the test's own; ip(8) says what became of them.
#include "mptunnel/net/route_config.h"

#include <gtest/gtest.h>
#include <linux/fib_rules.h>

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
using test::kTable;
using test::run_ip;

bool has_device_up() {
  return run_ip("link set lo up") && run_ip("tuntap add dev tunnel0 mode tun") &&
         run_ip("addr add 10.77.0.1/24 dev tunnel0") && run_ip("addr add fd77::1/64 dev tunnel0 nodad") &&
         run_ip("link set tunnel0 up");
}

void with_device_up(void (*body)()) {
  test::in_tun_namespace(body, has_device_up);
}

LinkRoute route(std::string_view to, std::uint32_t table = kMainTable, std::uint32_t metric = 0) {
  LinkRoute made;
  made.to = parse_prefix(to).value();
  made.interface = interface_number("tunnel0");
  made.table = table;
  made.metric = metric;
  return made;
}

/// Family, and how ip(8) is asked.
constexpr std::array<std::pair<Family, const char*>, 2> kFamilyOptions{
    {{Family::ipv4, "-4 "}, {Family::ipv6, "-6 "}}};

bool has_line(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

TEST(RouteConfig, AddsAndRemovesRoutes) {
  with_device_up([] {
    const std::string before4 = ask_ip("-4 route show table all");
    const std::string before6 = ask_ip("-6 route show table all");
    LinkRoute sourced = route("192.0.2.0/24", kTable, 77);
    sourced.source = parse_ip_address("10.77.0.1");
    for (const auto& [made, family, shown] :
         {std::tuple{route("192.0.2.0/24"), "-4 ", "192.0.2.0/24 dev tunnel0 proto 109 scope link"},
          std::tuple{route("192.0.2.7/32", 99), "-4 ", "192.0.2.7 dev tunnel0 table 99 proto 109"},
          std::tuple{route("0.0.0.0/0", kTable), "-4 ", "default dev tunnel0 table 7109 proto 109"},
          std::tuple{sourced, "-4 ",
                     "192.0.2.0/24 dev tunnel0 table 7109 proto 109 scope link src 10.77.0.1 metric 77"},
          std::tuple{route("2001:db8::/32"), "-6 ", "2001:db8::/32 dev tunnel0 proto 109"},
          std::tuple{route("::/0", kTable, 5), "-6 ", "default dev tunnel0 table 7109 proto 109 metric 5"}}) {
      for (int times = 0; times < 2; ++times) {
        const auto added = add_route(made);
        EXPECT_TRUE(added) << added.error();
      }
      EXPECT_TRUE(has_line(ask_ip(family + std::string("route show table all")), shown))
          << ask_ip(family + std::string("route show table all"));
    }
    const auto of_main = list_routes(Family::ipv4, kMainTable, kRouteProtocol);
    EXPECT_EQ(*of_main, std::vector{route("192.0.2.0/24")});
    EXPECT_EQ(list_routes(Family::ipv4, kMainTable)->size(), 2U);
    EXPECT_EQ(*list_routes(Family::ipv6, kTable), std::vector{route("::/0", kTable, 5)});
    EXPECT_TRUE(list_routes(Family::ipv6, 12345)->empty());
    EXPECT_TRUE(list_routes(Family::ipv4, 12345)->empty());
    EXPECT_TRUE(remove_route(route("192.0.2.7/32", 99)));
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      for (const std::uint32_t table : {kMainTable, kTable}) {
        const auto all = list_routes(family, table, kRouteProtocol);
        for (const LinkRoute& one : *all) {
          EXPECT_TRUE(remove_route(one));
          EXPECT_TRUE(remove_route(one));
        }
      }
    }
    EXPECT_EQ(ask_ip("-4 route show table all"), before4);
    EXPECT_EQ(ask_ip("-6 route show table all"), before6);
  });
}

TEST(RouteConfig, TouchesNoRouteOfOthers) {
  with_device_up([] {
    ASSERT_TRUE(run_ip("route add 192.0.2.0/24 dev tunnel0") &&
                run_ip("route add 2001:db8::/32 dev tunnel0"));
    const std::string before = ask_ip("route show table all") + ask_ip("-6 route show table all");
    for (const char* to : {"192.0.2.0/24", "2001:db8::/32"}) {
      const auto added = add_route(route(to));
      ASSERT_FALSE(added);
      EXPECT_TRUE(has_line(added.error(), "there is another one of this metric")) << added.error();
      EXPECT_TRUE(remove_route(route(to)));
    }
    EXPECT_EQ(ask_ip("route show table all") + ask_ip("-6 route show table all"), before);
  });
}

TEST(RouteConfig, AddsAndRemovesRules) {
  with_device_up([] {
    for (const auto& [family, option] : kFamilyOptions) {
      const std::string show = option + std::string("rule show");
      const std::string before = ask_ip(show);
      const RoutingRule rest{
          .family = family, .priority = 501, .table = kTable, .mark = 0x64, .is_inverted = true};
      const RoutingRule better{.family = family, .priority = 500, .suppress_prefix = 0};
      const RoutingRule marked{.family = family, .priority = 502, .table = 99, .mark = 7};
      for (const RoutingRule& rule : {rest, better, marked, rest, better}) {
        const auto added = add_rule(rule);
        EXPECT_TRUE(added) << added.error();
      }
      const std::string shown = ask_ip(show);
      EXPECT_TRUE(has_line(shown, "500:\tfrom all lookup main suppress_prefixlength 0 proto 109\n")) << shown;
      EXPECT_TRUE(has_line(shown, "501:\tnot from all fwmark 0x64 lookup 7109 proto 109\n")) << shown;
      EXPECT_TRUE(has_line(shown, "502:\tfrom all fwmark 0x7 lookup 99 proto 109\n")) << shown;
      EXPECT_EQ(*list_rules(family, kRouteProtocol), (std::vector{better, rest, marked}));
      for (const RoutingRule& rule : {rest, better, marked, rest}) EXPECT_TRUE(remove_rule(rule));
      EXPECT_EQ(ask_ip(show), before);
      EXPECT_TRUE(list_rules(family, kRouteProtocol)->empty());
    }
  });
}

TEST(RouteConfig, TouchesNoRuleOfOthers) {
  with_device_up([] {
    ASSERT_TRUE(run_ip("rule add not fwmark 0x64 lookup 7109 priority 501"));
    const std::string before = ask_ip("rule show");
    EXPECT_TRUE(remove_rule({.priority = 501, .table = kTable, .mark = 0x64, .is_inverted = true}));
    EXPECT_EQ(ask_ip("rule show"), before);
  });
}

TEST(RouteConfig, SaysWhatIsWrong) {
  with_device_up([] {
    LinkRoute gone = route("192.0.2.0/24");
    gone.interface = 987654;
    EXPECT_EQ(add_route(gone).error().find("the route to 192.0.2.0/24 can't be made: No such device"), 0U)
        << add_route(gone).error();
    EXPECT_TRUE(remove_route(gone));
    LinkRoute foreign = route("192.0.2.0/24");
    foreign.source = parse_ip_address("203.0.113.1");
    // The kernel's own words, which say more than the number.
    EXPECT_TRUE(has_line(add_route(foreign).error(), "(Invalid prefsrc address)"))
        << add_route(foreign).error();
    test::give_up_network_rights();
    const RoutingRule rule{.priority = 501, .table = kTable, .mark = 0x64, .is_inverted = true};
    for (const auto& refused : {add_route(route("0.0.0.0/0", kTable)), remove_route(route("192.0.2.0/24")),
                                add_rule(rule), remove_rule(rule)}) {
      ASSERT_FALSE(refused);
      EXPECT_TRUE(has_line(refused.error(), "needs the capability CAP_NET_ADMIN")) << refused.error();
    }
    EXPECT_TRUE(
        has_line(add_route(route("0.0.0.0/0", kTable)).error(), "the IPv4 default route in table 7109"));
    EXPECT_TRUE(has_line(add_rule(rule).error(), "the IPv4 routing rule 501 for table 7109"));
    EXPECT_TRUE(list_rules(Family::ipv4, kRouteProtocol));
    EXPECT_TRUE(list_routes(Family::ipv4, kMainTable));
  });
}

test::Message route_message() {
  test::Message message(sizeof(nlmsghdr));
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 24;
  header.rtm_protocol = kRouteProtocol;
  test::append(message, &header, sizeof header);
  const std::array<std::uint32_t, 3> numbers{9, 77, kTable};
  const Endpoint to = test::address("192.0.2.0");
  const Endpoint from = test::address("10.77.0.1");
  test::add_attribute(message, RTA_DST, to.address.data(), 4);
  test::add_attribute(message, RTA_OIF, &numbers[0], 4);
  test::add_attribute(message, RTA_PRIORITY, &numbers[1], 4);
  test::add_attribute(message, RTA_TABLE, &numbers[2], 4);
  test::add_attribute(message, RTA_PREFSRC, from.address.data(), 4);
  return test::finished(std::move(message), RTM_NEWROUTE);
}

test::Message rule_message() {
  test::Message message(sizeof(nlmsghdr));
  fib_rule_hdr header{};
  header.family = AF_INET6;
  header.action = FR_ACT_TO_TBL;
  header.flags = FIB_RULE_INVERT;
  test::append(message, &header, sizeof header);
  const std::array<std::uint32_t, 4> numbers{501, 0x64, kTable, 0};
  test::add_attribute(message, FRA_PRIORITY, &numbers[0], 4);
  test::add_attribute(message, FRA_FWMARK, &numbers[1], 4);
  test::add_attribute(message, FRA_TABLE, &numbers[2], 4);
  test::add_attribute(message, FRA_SUPPRESS_PREFIXLEN, &numbers[3], 4);
  test::add_attribute(message, FRA_PROTOCOL, &kRouteProtocol, 1);
  return test::finished(std::move(message), RTM_NEWRULE);
}

TEST(RouteMessages, AreRead) {
  LinkRoute expected;
  expected.to = parse_prefix("192.0.2.0/24").value();
  expected.interface = 9;
  expected.metric = 77;
  expected.table = kTable;
  expected.source = parse_ip_address("10.77.0.1");
  EXPECT_EQ(read_link_route(route_message()), expected);
  const RoutingRule rule{.family = Family::ipv6,
                         .priority = 501,
                         .table = kTable,
                         .mark = 0x64,
                         .is_inverted = true,
                         .suppress_prefix = 0};
  EXPECT_EQ(read_routing_rule(rule_message()), rule);
  EXPECT_EQ(read_link_route(rule_message()), std::nullopt);
  EXPECT_EQ(read_routing_rule(route_message()), std::nullopt);
}

/// Cut off anywhere, with a header that agrees or not, and with any byte changed: what is read makes sense.
TEST(RouteMessages, BrokenOnesAreNoHarm) {
  for (const test::Message& whole : {route_message(), rule_message()}) {
    const auto type = reinterpret_cast<const nlmsghdr*>(whole.data())->nlmsg_type;
    const auto read = [](const test::Message& message) {
      if (const auto found = read_link_route(message)) {
        EXPECT_LE(found->to.length, found->to.address.bits());
        EXPECT_TRUE(!found->source || found->source->family == found->to.address.family);
      }
      static_cast<void>(read_routing_rule(message));
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
      test::Message cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      cut.shrink_to_fit();
      EXPECT_FALSE(read_link_route(cut) || read_routing_rule(cut));
      if (size >= sizeof(nlmsghdr)) read(test::finished(std::move(cut), type));
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        test::Message changed = whole;
        changed[at] = static_cast<std::uint8_t>(value);
        read(changed);
      }
    }
  }
}

}  // namespace
}  // namespace mptunnel
