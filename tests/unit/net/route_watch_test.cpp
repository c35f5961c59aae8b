// Routes and rules of a network namespace of the test's own, changed by ip(8).
#include "mptunnel/net/route_watch.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <vector>

#include "ip_command.h"
#include "mptunnel/net/interface_watch.h"
#include "mptunnel/net/route_query.h"
#include "namespace_support.h"
#include "net_support.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::run_ip;

/// ra has 10.1.1.1/24 and fd01::1/64, and is joined to rb.
bool make_routed_pair() {
  return run_ip("link set lo up") && run_ip("link add ra type veth peer name rb") &&
         run_ip("link set rb up") && run_ip("link set ra up") && run_ip("addr add 10.1.1.1/24 dev ra") &&
         run_ip("addr add fd01::1/64 dev ra nodad");
}

void in_routed_namespace(void (*body)()) {
  test::in_namespace(make_routed_pair, body, "no right to make a network namespace, or no ip(8) or veth");
}

std::uint32_t index_of(const std::string& name) {
  Loop loop;
  InterfaceWatch watch(loop, [] {});
  EXPECT_TRUE(watch.start());
  const NetworkInterface* found = watch.table().find(name);
  return found == nullptr ? 0 : found->index;
}

RouteQuestion towards(std::string_view remote) {
  return {.remote = test::endpoint(remote, 2000)};
}

struct WatchedRoutes {
  WatchedRoutes() { EXPECT_TRUE(watch.start()); }
  /// Runs the loop until a change is reported; how long that took.
  Duration wait() {
    const TimePoint from = monotonic_now();
    test::PatientLoop& running = loop;
    running.run();
    return monotonic_now() - from;
  }
  test::PatientLoop loop;
  int reports = 0;
  RouteWatch watch{loop, [this] {
                     ++reports;
                     loop.stop();
                   }};
};

TEST(RouteWatch, ReportsRoutesAndRulesOfBothFamilies) {
  in_routed_namespace([] {
    for (const std::string change :
         {"route add 192.0.2.0/24 via 10.1.1.2", "-6 route add 2001:db8::/64 via fd01::2",
          "rule add from 10.9.9.9 table 7", "-6 rule add from fd09::9 table 7", "route del 192.0.2.0/24"}) {
      WatchedRoutes watched;
      if (!run_ip(change)) test::skip_in_namespace();
      EXPECT_LT(watched.wait(), 1s) << change;
      EXPECT_EQ(watched.reports, 1) << change;
    }
  });
}

TEST(RouteWatch, ManyChangesAreOneReport) {
  in_routed_namespace([] {
    WatchedRoutes watched;
    {
      std::ofstream batch("/tmp/mptunnel-routes-" + std::to_string(getpid()));
      for (int i = 0; i < 20000; ++i)
        batch << "route add 100." << i / 65536 << '.' << i / 256 % 256 << '.' << i % 256 << " via 10.1.1.2\n";
    }
    const std::string file = "/tmp/mptunnel-routes-" + std::to_string(getpid());
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    const TimePoint from = monotonic_now();
    ASSERT_TRUE(run_ip("-batch " + file));
    std::remove(file.c_str());
    watched.wait();
    EXPECT_LE(watched.reports, static_cast<int>(RouteWatch::kReportsAtOnce) + 1 +
                                   (monotonic_now() - from) / RouteWatch::kReportsApart);
    // What was lost is no reason to be silent later.
    Timer quiet(watched.loop, [&] { watched.loop.stop(); });
    quiet.set(monotonic_now() + 2 * RouteWatch::kReportsApart);
    watched.wait();
    const int reports = watched.reports;
    ASSERT_TRUE(run_ip("route add 192.0.2.0/24 via 10.1.1.2"));
    watched.wait();
    EXPECT_GT(watched.reports, reports);
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    const auto used = [](const rusage& usage) {
      return std::chrono::seconds(usage.ru_utime.tv_sec) + std::chrono::microseconds(usage.ru_utime.tv_usec);
    };
    EXPECT_LT(used(after) - used(before), 50ms);
  });
}

TEST(RouteWatch, AFewReportsComeAtOnceAndTheRestApart) {
  in_routed_namespace([] {
    WatchedRoutes watched;
    std::vector<Duration> waits;
    for (std::size_t i = 0; i <= RouteWatch::kReportsAtOnce; ++i) {
      ASSERT_TRUE(run_ip(i % 2 == 0 ? "route add 192.0.2.0/24 via 10.1.1.2" : "route del 192.0.2.0/24"));
      waits.push_back(watched.wait());
    }
    EXPECT_LT(*std::max_element(waits.begin(), waits.end() - 1), 200ms);
    EXPECT_GT(waits.back(), RouteWatch::kReportsApart);
  });
}

TEST(RouteQuery, SaysTheNextHop) {
  in_routed_namespace([] {
    const std::uint32_t index = index_of("ra");
    const auto none = next_hop_towards(towards("192.0.2.1"));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error(), ENETUNREACH);
    ASSERT_TRUE(run_ip("route add 192.0.2.0/24 via 10.1.1.2"));
    const auto hop = next_hop_towards(towards("192.0.2.1"));
    ASSERT_TRUE(hop) << hop.error();
    EXPECT_EQ(hop->interface, index);
    EXPECT_EQ(hop->gateway, test::endpoint("10.1.1.2"));
    EXPECT_EQ(hop->source, test::endpoint("10.1.1.1"));
    const auto neighbour = next_hop_towards(towards("10.1.1.7"));
    ASSERT_TRUE(neighbour);
    EXPECT_FALSE(neighbour->gateway.is_set());
    RouteQuestion bound = towards("192.0.2.1");
    bound.source = test::endpoint("10.1.1.1", 4000);
    EXPECT_EQ(next_hop_towards(bound)->source, test::endpoint("10.1.1.1"));
  });
}

TEST(RouteQuery, SaysTheNextHopOfIpv6) {
  in_routed_namespace([] {
    const auto none = next_hop_towards(towards("2001:db8::1"));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error(), ENETUNREACH);
    if (!run_ip("-6 route add 2001:db8::/64 via fd01::2")) test::skip_in_namespace();
    const auto hop = next_hop_towards(towards("2001:db8::1"));
    ASSERT_TRUE(hop) << hop.error();
    EXPECT_EQ(hop->interface, index_of("ra"));
    EXPECT_EQ(hop->gateway, test::endpoint("fd01::2"));
    EXPECT_EQ(hop->source, test::endpoint("fd01::1"));
  });
}

TEST(RouteQuery, ObeysTheMark) {
  in_routed_namespace([] {
    ASSERT_TRUE(run_ip("route add 192.0.2.0/24 via 10.1.1.2 table 7"));
    ASSERT_TRUE(run_ip("rule add fwmark 0x64 table 7"));
    EXPECT_FALSE(next_hop_towards(towards("192.0.2.1")));
    RouteQuestion marked = towards("192.0.2.1");
    marked.mark = 0x64;
    EXPECT_TRUE(next_hop_towards(marked));
  });
}

TEST(RouteQuery, TellsRoutesThatForbidFromThoseThatAreMissing) {
  in_routed_namespace([] {
    ASSERT_TRUE(run_ip("route add prohibit 192.0.2.0/24") && run_ip("route add blackhole 198.51.100.0/24"));
    EXPECT_EQ(next_hop_towards(towards("192.0.2.1")).error(), EACCES);
    EXPECT_EQ(next_hop_towards(towards("198.51.100.1")).error(), EINVAL);
    if (!run_ip("-6 route add prohibit 2001:db8::/64")) test::skip_in_namespace();
    EXPECT_EQ(next_hop_towards(towards("2001:db8::1")).error(), EACCES);
  });
}

TEST(RouteQuery, KnowsAnInterfaceWithoutARoute) {
  in_routed_namespace([] {
    RouteQuestion bound = towards("192.0.2.1");
    bound.interface = index_of("ra");
    const auto guessed = next_hop_towards(bound);
    ASSERT_TRUE(guessed) << "the kernel takes everything to be on the link";
    EXPECT_FALSE(guessed->gateway.is_set());
    EXPECT_FALSE(has_route(bound));
    ASSERT_TRUE(run_ip("route add default via 10.1.1.2 dev ra"));
    EXPECT_TRUE(has_route(bound));
    EXPECT_EQ(next_hop_towards(bound)->gateway, test::endpoint("10.1.1.2"));
  });
}

TEST(RouteQuery, KnowsNeighbours) {
  in_routed_namespace([] {
    const std::uint32_t index = index_of("ra");
    EXPECT_EQ(neighbour_state(test::endpoint("10.1.1.7"), index), NeighbourState::unknown);
    ASSERT_TRUE(run_ip("neigh add 10.1.1.7 lladdr 02:00:00:00:00:07 dev ra"));
    if (neighbour_state(test::endpoint("10.1.1.7"), index) == NeighbourState::unknown)
      test::skip_in_namespace();
    EXPECT_EQ(neighbour_state(test::endpoint("10.1.1.7"), index), NeighbourState::answers);
    UdpSocketOptions options;
    options.connect = test::endpoint("10.1.1.8", 9);
    UdpSocket socket = test::open_socket(options);
    const test::Datagram bytes{1, 2, 3};
    static_cast<void>(::send(socket.fd(), bytes.data(), bytes.size(), 0));
    EXPECT_EQ(neighbour_state(test::endpoint("10.1.1.8"), index), NeighbourState::is_asked);
  });
}

}  // namespace
}  // namespace mptunnel
