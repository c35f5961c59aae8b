// A host of the test's own with a default route of its user's, over the uplink up0; ip(8) says which way
// things go.
#include "mptunnel/net/full_tunnel_routes.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "ip_command.h"
#include "mptunnel/net/interfaces.h"
#include "mptunnel/net/tun_device.h"
#include "namespace_support.h"
#include "net_support.h"
#include "network_rights.h"

namespace mptunnel {
namespace {

using test::ask_ip;
using test::kTable;
using test::run_ip;

constexpr std::uint32_t kMark = 0x6d70;

/// Has no address of its own making, which would come later, and look like a change.
bool is_quiet(const std::string& device) {
  return run_ip("link set " + device + " addrgenmode none");
}

bool has_host() {
  return run_ip("link set lo up") && run_ip("link add up0 type veth peer name far0") && is_quiet("up0") &&
         is_quiet("far0") && run_ip("link set up0 up") && run_ip("link set far0 up") &&
         run_ip("addr add 10.1.1.1/24 dev up0") && run_ip("addr add fd01::1/64 dev up0 nodad") &&
         run_ip("route add default via 10.1.1.2") && run_ip("route add 10.50.0.0/16 via 10.1.1.3") &&
         run_ip("-6 route add default via fd01::2") && run_ip("rule add from 10.9.9.9 lookup 100") &&
         run_ip("tuntap add dev tunnel0 mode tun") && is_quiet("tunnel0") && run_ip("link set tunnel0 up");
}

void on_a_host(void (*body)()) {
  test::in_namespace(has_host, body,
                     "no right to make a network namespace, or no ip(8), veth or TUN devices");
}

FullTunnelSettings settings() {
  return {.interface = interface_number("tunnel0"), .name = "tunnel0", .mark = kMark, .table = kTable};
}

std::vector<std::string> notices;
void take_notice(LogLevel level, std::string_view text) {
  notices.push_back((level == LogLevel::warning ? "warning: " : "") + std::string(text));
}

/// All that routing knows.
std::string state() {
  return ask_ip("rule show") + ask_ip("-6 rule show") + ask_ip("route show table all") +
         ask_ip("-6 route show table all");
}

/// The interface that packets to there leave by.
std::string way_to(const std::string& address, bool is_marked = false) {
  const std::string text =
      ask_ip("route get " + address + (is_marked ? " mark " + std::to_string(kMark) : ""));
  const std::size_t at = text.find(" dev ");
  return at == std::string::npos ? text : text.substr(at + 5, text.find(' ', at + 5) - at - 5);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) test::skip_in_namespace();
}
std::string read_file(const std::string& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

void expect_all_in_the_tunnel() {
  for (const char* anywhere : {"1.1.1.1", "2606:4700::1111", "10.77.9.9"}) {
    EXPECT_EQ(way_to(anywhere), "tunnel0") << anywhere;
    EXPECT_EQ(way_to(anywhere, true), "up0") << anywhere;
  }
  // What has a route of its own keeps it.
  for (const char* near : {"10.50.1.1", "10.1.1.77", "fd01::77"}) EXPECT_EQ(way_to(near), "up0") << near;
}

TEST(FullTunnelRoutes, TakeAllButWhatIsMarkedAndPutAllBack) {
  on_a_host([] {
    const std::string before = state();
    EXPECT_EQ(way_to("1.1.1.1"), "up0");
    {
      FullTunnelRoutes routes(settings());
      EXPECT_EQ(state(), before);
      for (int times = 0; times < 2; ++times) {
        const auto started = routes.start();
        ASSERT_TRUE(started) << started.error();
        expect_all_in_the_tunnel();
      }
      EXPECT_TRUE(routes.undo());
      EXPECT_EQ(state(), before);
      EXPECT_TRUE(routes.undo());
      EXPECT_TRUE(routes.start());
      expect_all_in_the_tunnel();
    }
    EXPECT_EQ(state(), before);
    EXPECT_EQ(way_to("1.1.1.1"), "up0");
  });
}

TEST(FullTunnelRoutes, OneFamilyAlone) {
  on_a_host([] {
    const std::string before = state();
    FullTunnelSettings one = settings();
    one.ipv6 = false;
    FullTunnelRoutes ipv4(one);
    ASSERT_TRUE(ipv4.start());
    EXPECT_EQ(way_to("1.1.1.1"), "tunnel0");
    EXPECT_EQ(way_to("2606:4700::1111"), "up0");
    ASSERT_TRUE(ipv4.undo());
    one.ipv6 = true;
    one.ipv4 = false;
    FullTunnelRoutes ipv6(one);
    ASSERT_TRUE(ipv6.start());
    EXPECT_EQ(way_to("1.1.1.1"), "up0");
    EXPECT_EQ(way_to("2606:4700::1111"), "tunnel0");
    ASSERT_TRUE(ipv6.undo());
    EXPECT_EQ(state(), before);
  });
}

/// As a process that ends without undoing anything: its device stays, made beforehand.
void start_and_be_killed() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    FullTunnelRoutes routes(settings());
    const bool is_started = routes.start().has_value();
    kill(getpid(), is_started ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(FullTunnelRoutes, CleanUpAfterOneThatWasKilled) {
  on_a_host([] {
    const std::string before = state();
    start_and_be_killed();
    EXPECT_NE(state(), before);
    expect_all_in_the_tunnel();
    FullTunnelRoutes routes(settings());
    const auto started = routes.start();
    ASSERT_TRUE(started) << started.error();
    expect_all_in_the_tunnel();
    EXPECT_TRUE(routes.undo());
    EXPECT_EQ(state(), before);
    start_and_be_killed();
    EXPECT_TRUE(FullTunnelRoutes::remove_leftovers(settings()));
    EXPECT_EQ(state(), before);
  });
}

TEST(FullTunnelRoutes, CleanUpAfterOneThatTookItsDeviceAlong) {
  on_a_host([] {
    ASSERT_TRUE(run_ip("link del tunnel0"));
    const std::string without = state();
    const pid_t child = fork();
    if (child == 0) {
      const auto device = TunDevice::open({"tunnel0"});
      const bool is_up = device && is_quiet("tunnel0") && run_ip("link set tunnel0 up");
      FullTunnelRoutes routes(settings());
      kill(getpid(), is_up && routes.start() ? SIGKILL : SIGTERM);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_NE(state(), without);
    // The rules that are left lead nowhere, so nothing is cut off meanwhile.
    EXPECT_EQ(way_to("1.1.1.1"), "up0");
    const auto device = TunDevice::open({"tunnel0"});
    ASSERT_TRUE(device && is_quiet("tunnel0") && run_ip("link set tunnel0 up"));
    {
      FullTunnelRoutes routes(settings());
      ASSERT_TRUE(routes.start());
      expect_all_in_the_tunnel();
    }
    ASSERT_TRUE(run_ip("link del tunnel0"));
    EXPECT_EQ(state(), without);
  });
}

TEST(FullTunnelRoutes, CleanUpThoughTheMarkAndTheFamiliesWereOthers) {
  on_a_host([] {
    const std::string before = state();
    start_and_be_killed();
    FullTunnelSettings other = settings();
    other.mark = 7;
    other.ipv6 = false;
    FullTunnelRoutes routes(other);
    ASSERT_TRUE(routes.start());
    EXPECT_EQ(way_to("1.1.1.1", true), "tunnel0");
    EXPECT_EQ(way_to("2606:4700::1111"), "up0");
    EXPECT_TRUE(routes.undo());
    EXPECT_EQ(state(), before);
  });
}

TEST(FullTunnelRoutes, AreGoneWithTheDeviceWithoutHarm) {
  on_a_host([] {
    FullTunnelRoutes routes(settings());
    ASSERT_TRUE(routes.start());
    ASSERT_TRUE(run_ip("link del tunnel0"));
    EXPECT_EQ(way_to("1.1.1.1"), "up0");
    EXPECT_EQ(way_to("2606:4700::1111"), "up0");
    const auto undone = routes.undo();
    EXPECT_TRUE(undone) << undone.error();
    EXPECT_EQ(ask_ip("rule show").find("109"), ask_ip("rule show").npos);
  });
}

TEST(FullTunnelRoutes, ComeAllOrNone) {
  on_a_host([] {
    for (const char* foreign :
         {"route add 192.0.2.0/24 dev up0 table 7109", "-6 route add fd55::/64 dev up0 table 7109"}) {
      ASSERT_TRUE(run_ip(foreign));
      const std::string before = state();
      FullTunnelRoutes routes(settings());
      const auto started = routes.start();
      ASSERT_FALSE(started);
      EXPECT_EQ(started.error().find("table 7109 has routes of others"), 0U) << started.error();
      EXPECT_EQ(state(), before);
      ASSERT_TRUE(run_ip(std::string(foreign).replace(std::string(foreign).find("add"), 3, "del")));
    }
    const std::string before = state();
    for (const std::uint32_t table : {0U, 253U, 254U, 255U}) {
      FullTunnelSettings wrong = settings();
      wrong.table = table;
      EXPECT_FALSE(FullTunnelRoutes(wrong).start()) << table;
    }
    FullTunnelSettings wrong = settings();
    wrong.mark = 0;
    EXPECT_FALSE(FullTunnelRoutes(wrong).start());
    wrong = settings();
    wrong.interface = 987654;
    const auto started = FullTunnelRoutes(wrong).start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().find("the IPv4 default route in table 7109 can't be made"), 0U)
        << started.error();
    EXPECT_EQ(state(), before);
    FullTunnelRoutes left(settings());
    ASSERT_TRUE(left.start());
    const std::string on = state();
    test::give_up_network_rights();
    EXPECT_NE(FullTunnelRoutes(settings()).start().error().find("CAP_NET_ADMIN"), std::string::npos);
    const auto undone = left.undo();
    ASSERT_FALSE(undone);
    EXPECT_NE(undone.error().find("CAP_NET_ADMIN"), std::string::npos);
    EXPECT_EQ(state(), on);
  });
}

TEST(FullTunnelRoutes, SayWhatTheyDoToTheCheckOfSources) {
  on_a_host([] {
    const std::string setting = "/proc/sys/net/ipv4/conf/all/src_valid_mark";
    write_file(setting, "0");
    for (const char* conf : {"all", "up0", "far0", "tunnel0"})
      write_file(std::string("/proc/sys/net/ipv4/conf/") + conf + "/rp_filter", "0");
    FullTunnelRoutes routes(settings(), take_notice);
    ASSERT_TRUE(routes.start());
    EXPECT_EQ(read_file(setting), "1");
    EXPECT_EQ(notices, std::vector<std::string>{"net.ipv4.conf.all.src_valid_mark is 1 now, and stays so"});
    ASSERT_TRUE(routes.undo());
    EXPECT_EQ(read_file(setting), "1");
    notices.clear();
    ASSERT_TRUE(routes.start());
    EXPECT_TRUE(notices.empty());
    write_file("/proc/sys/net/ipv4/conf/up0/rp_filter", "1");
    write_file("/proc/sys/net/ipv4/conf/tunnel0/rp_filter", "1");
    ASSERT_TRUE(routes.start());
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].find("warning: rp_filter is 1 on up0: "), 0U) << notices[0];
    notices.clear();
    // The higher of both numbers counts.
    write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "2");
    ASSERT_TRUE(routes.start());
    EXPECT_TRUE(notices.empty());
    write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
    ASSERT_TRUE(routes.start());
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].find("warning: rp_filter is 1 on far0, up0: "), 0U) << notices[0];
    notices.clear();
    FullTunnelSettings six = settings();
    six.ipv4 = false;
    EXPECT_TRUE(FullTunnelRoutes(six, take_notice).start());
    EXPECT_TRUE(notices.empty());
  });
}

/// Moves far0 to a host of its own, which answers whatever comes to its port 2000 from 198.51.100.1, with as
/// much; ends with its child.
struct FarHost {
  FarHost() {
    std::array<int, 2> ready{};
    if (pipe(ready.data()) != 0) test::skip_in_namespace();
    const pid_t parent = getpid();
    child = fork();
    if (child == 0) {
      if (unshare(CLONE_NEWNET) != 0) _exit(1);
      const bool done = run_in_parent(parent) && run_ip("link set lo up") && run_ip("link set far0 up") &&
                        run_ip("addr add 10.1.1.2/24 dev far0") && run_ip("addr add 198.51.100.1/32 dev lo");
      if (!done) _exit(1);
      UdpSocketOptions options;
      options.bind = test::endpoint("198.51.100.1", 2000);
      UdpSocket socket = test::open_socket(options);
      static_cast<void>(!write(ready[1], "r", 1));
      ReceiveBuffers buffers;
      while (test::wait_readable(socket.fd(), monotonic_now() + test::kPatience)) {
        for (const Received& received : socket.receive(buffers).batches) {
          static_cast<void>(
              socket.send({received.batch.bytes, received.batch.stride, Route{received.route.remote, {}}}));
        }
      }
      _exit(0);
    }
    char byte = 0;
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) test::skip_in_namespace();
    close(ready[0]);
  }
  ~FarHost() {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  static bool run_in_parent(pid_t parent) {
    return std::system(("nsenter -t " + std::to_string(parent) + " -n ip link set far0 netns " +  // NOLINT
                        std::to_string(getpid()))
                           .c_str()) == 0;
  }
  pid_t child = -1;
};

/// Whether what is marked gets its answer.
bool is_answered() {
  UdpSocketOptions options;
  options.connect = test::endpoint("198.51.100.1", 2000);
  options.mark = kMark;
  UdpSocket socket = test::open_socket(options);
  const test::Datagram question{1, 2, 3};
  EXPECT_EQ(socket.send({question, 3, {}}).accepted, 1U);
  return test::wait_readable(socket.fd(), monotonic_now() + std::chrono::milliseconds(300));
}

TEST(FullTunnelRoutes, WhatIsMarkedIsAnsweredUnlessTheCheckIsStrict) {
  on_a_host([] {
    for (const char* conf : {"all", "up0"})
      write_file(std::string("/proc/sys/net/ipv4/conf/") + conf + "/rp_filter", "0");
    const FarHost far;
    EXPECT_TRUE(is_answered());
    FullTunnelRoutes routes(settings());
    ASSERT_TRUE(routes.start());
    EXPECT_TRUE(is_answered());
    // As the warning says.
    write_file("/proc/sys/net/ipv4/conf/up0/rp_filter", "1");
    EXPECT_FALSE(is_answered());
    write_file("/proc/sys/net/ipv4/conf/up0/rp_filter", "2");
    EXPECT_TRUE(is_answered());
  });
}

}  // namespace
}  // namespace mptunnel
