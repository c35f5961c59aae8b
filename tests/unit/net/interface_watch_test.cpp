// The watch in a network namespace of the test's own, changed by ip(8).
#include "mptunnel/net/interface_watch.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "mptunnel/net/udp_socket.h"
#include "namespace_support.h"
#include "net_support.h"

namespace mptunnel {
namespace {

bool ip(const std::string& arguments) {
  return std::system(("ip " + arguments + " 2>/dev/null").c_str()) == 0;  // NOLINT(concurrency-mt-unsafe)
}

/// All lines by one run of the program.
bool ip_batch(const std::string& lines) {
  return std::system(("printf '" + lines + "' | ip -batch - 2>/dev/null").c_str()) == 0;
}

/// va and vb, joined to each other, both switched off.
bool make_veth_pair() {
  return ip("link set lo up") && ip("link add va type veth peer name vb");
}

void in_veth_namespace(void (*body)()) {
  test::in_namespace(make_veth_pair, body, "no right to make a network namespace, or no ip(8) or veth");
}

struct Watched {
  Watched() {
    const auto started = watch.start();
    EXPECT_TRUE(started) << started.error();
  }

  /// Runs the loop until the table is as it should be.
  template <typename Predicate>
  void wait_for(Predicate is_right, const char* what) {
    wanted = [&] { return is_right(watch.table()); };
    if (!wanted()) {
      test::PatientLoop& running = loop;
      running.run();
    }
    EXPECT_TRUE(wanted()) << what;
    wanted = nullptr;
  }

  [[nodiscard]] const NetworkInterface* find(std::string_view name) const { return watch.table().find(name); }
  [[nodiscard]] bool has(std::string_view name, std::string_view address) const {
    const NetworkInterface* owner = watch.table().owner_of(test::endpoint(address));
    return owner != nullptr && owner->name == name;
  }

  test::PatientLoop loop;
  std::function<bool()> wanted;
  int changes = 0;
  InterfaceWatch watch{loop, [this] {
                         ++changes;
                         if (!wanted || wanted()) loop.stop();
                       }};
};

TEST(InterfaceWatch, KnowsEverythingFromItsStart) {
  in_veth_namespace([] {
    ASSERT_TRUE(ip("link set va up") && ip("link set vb up") && ip("addr add 10.1.1.1/24 dev va"));
    const Watched watched;
    ASSERT_NE(watched.find("lo"), nullptr);
    EXPECT_TRUE(watched.find("lo")->is_loopback);
    EXPECT_TRUE(watched.find("lo")->addresses.empty());
    ASSERT_NE(watched.find("va"), nullptr);
    EXPECT_EQ(watched.find("va")->kind, "veth");
    EXPECT_FALSE(watched.find("va")->is_tunnel);
    EXPECT_FALSE(watched.find("va")->is_loopback);
    EXPECT_TRUE(watched.has("va", "10.1.1.1"));
    EXPECT_EQ(watched.changes, 0);
  });
}

TEST(InterfaceWatch, FollowsALinkUpAndDown) {
  in_veth_namespace([] {
    Watched watched;
    const auto is_up = [](const InterfaceTable& table) { return table.find("va")->is_up; };
    const auto is_down = [&](const InterfaceTable& table) { return !is_up(table); };
    EXPECT_TRUE(is_down(watched.watch.table()));
    ASSERT_TRUE(ip("link set vb up") && ip("link set va up"));
    watched.wait_for(is_up, "up");
    ASSERT_TRUE(ip("link set va down"));
    watched.wait_for(is_down, "switched off");
    ASSERT_TRUE(ip("link set va up"));
    watched.wait_for(is_up, "switched on again");
    ASSERT_TRUE(ip("link set vb down"));
    watched.wait_for(is_down, "carrier lost");
    ASSERT_TRUE(ip("link set vb up"));
    watched.wait_for(is_up, "carrier back");
  });
}

TEST(InterfaceWatch, FollowsAnInterfaceThatIsDeletedAndMadeAgain) {
  in_veth_namespace([] {
    Watched watched;
    const std::uint32_t before = watched.find("va")->index;
    ASSERT_TRUE(ip("link del va"));
    watched.wait_for([](const InterfaceTable& table) { return table.find("va") == nullptr; }, "deleted");
    ASSERT_TRUE(ip("link add va type veth peer name vb"));
    watched.wait_for([](const InterfaceTable& table) { return table.find("va") != nullptr; }, "made again");
    EXPECT_NE(watched.find("va")->index, before);
    ASSERT_TRUE(ip("link set va name vc"));
    watched.wait_for([](const InterfaceTable& table) { return table.find("vc") != nullptr; }, "renamed");
    EXPECT_EQ(watched.find("va"), nullptr);
  });
}

TEST(InterfaceWatch, FollowsAddresses) {
  in_veth_namespace([] {
    Watched watched;
    const auto has_address = [](const InterfaceTable& table) {
      return table.owner_of(test::endpoint("10.1.1.1")) != nullptr;
    };
    ASSERT_TRUE(ip("addr add 10.1.1.1/24 dev va"));
    watched.wait_for(has_address, "added");
    EXPECT_TRUE(watched.has("va", "10.1.1.1"));
    ASSERT_TRUE(ip("addr del 10.1.1.1/24 dev va") && ip("addr add 10.1.1.2/24 dev va"));
    watched.wait_for(
        [](const InterfaceTable& table) { return table.owner_of(test::endpoint("10.1.1.2")) != nullptr; },
        "replaced");
    EXPECT_FALSE(has_address(watched.watch.table()));
    ASSERT_TRUE(ip("addr flush dev va"));
    watched.wait_for([](const InterfaceTable& table) { return table.find("va")->addresses.empty(); },
                     "flushed");
  });
}

TEST(InterfaceWatch, TakesAnIpv6AddressOnceItIsNotTentative) {
  in_veth_namespace([] {
    const auto wait_for_up = [](Watched& watched) {
      watched.wait_for([](const InterfaceTable& table) { return table.find("va")->is_up; }, "up");
    };
    ASSERT_TRUE(ip("link set va addrgenmode none") && ip("link set vb addrgenmode none"));
    ASSERT_TRUE(ip("link set vb up") && ip("link set va up"));
    Watched first;
    wait_for_up(first);
    if (!ip("addr add 2001:db8::1/64 dev va")) test::skip_in_namespace();
    Watched second;
    EXPECT_FALSE(second.find("va")->has_address(Family::ipv6)) << "still tentative";
    const auto has_address = [](const InterfaceTable& table) {
      return table.owner_of(test::endpoint("2001:db8::1")) != nullptr;
    };
    second.wait_for(has_address, "not tentative any more");
    first.wait_for(has_address, "the same by notifications alone");
    ASSERT_TRUE(ip("addr add 2001:db8::2/64 dev va nodad"));
    second.wait_for(
        [](const InterfaceTable& table) { return table.owner_of(test::endpoint("2001:db8::2")) != nullptr; },
        "without the check at once");
    ASSERT_TRUE(ip("link set va down"));
    second.wait_for([](const InterfaceTable& table) { return !table.find("va")->has_address(Family::ipv6); },
                    "gone with the link");
  });
}

TEST(InterfaceWatch, KnowsTunAndTapAsTunnels) {
  in_veth_namespace([] {
    Watched watched;
    if (!ip("tuntap add dev t0 mode tun") || !ip("tuntap add dev t1 mode tap")) test::skip_in_namespace();
    watched.wait_for([](const InterfaceTable& table) { return table.find("t1") != nullptr; }, "made");
    ASSERT_NE(watched.find("t0"), nullptr);
    for (const char* name : {"t0", "t1"}) {
      EXPECT_TRUE(watched.find(name)->is_tunnel) << name;
      EXPECT_EQ(watched.find(name)->kind, "tun") << name;
    }
  });
}

TEST(InterfaceWatch, TellsManyChangesOnce) {
  in_veth_namespace([] {
    Watched watched;
    std::string lines;
    for (int i = 1; i <= 20; ++i) lines += "addr add 10.1.1." + std::to_string(i) + "/24 dev va\\n";
    ASSERT_TRUE(ip_batch(lines));
    watched.wait_for([](const InterfaceTable& table) { return !table.find("va")->addresses.empty(); },
                     "added");
    EXPECT_EQ(watched.find("va")->addresses.size(), 20U);
    EXPECT_EQ(watched.changes, 1);
  });
}

TEST(InterfaceWatch, DoesNotTellOfWhatDoesNotMatter) {
  in_veth_namespace([] {
    Watched watched;
    // Each gives a message of its own for va, and one wake-up takes them all.
    ASSERT_TRUE(ip("link set va mtu 1400") && ip("link set va txqueuelen 7") && ip("link set va alias x"));
    Timer timer(watched.loop, [&] { watched.loop.stop(); });
    timer.set(monotonic_now() + std::chrono::milliseconds(50));
    watched.loop.run();
    EXPECT_EQ(watched.changes, 0);
    ASSERT_TRUE(ip("addr add 10.1.1.1/24 dev va"));
    watched.wait_for([](const InterfaceTable& table) { return !table.find("va")->addresses.empty(); },
                     "added");
    EXPECT_EQ(watched.changes, 1);
  });
}

/// What the kernel did not get into some rtnetlink socket here: the next-to-last column.
bool messages_were_lost() {
  std::ifstream file("/proc/net/netlink");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string skipped;
    int protocol = -1;
    unsigned long drops = 0;
    words >> skipped >> protocol;
    for (int i = 0; i < 6; ++i) words >> skipped;
    words >> drops;
    if (protocol == 0 && drops > 0) return true;
  }
  return false;
}

/// Changes va, and back, until the sockets of those who don't read are full.
bool lose_messages() {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "link set va up\\nlink set va down\\n";
  for (int round = 0; round < 100 && !messages_were_lost(); ++round) {
    if (!ip_batch(lines)) return false;
  }
  return messages_were_lost();
}

TEST(InterfaceWatch, ReadsAllAnewWhereMessagesWereLost) {
  in_veth_namespace([] {
    Watched watched;
    ASSERT_TRUE(lose_messages());
    ASSERT_TRUE(ip("link set va name vc") && ip("addr add 10.1.1.1/24 dev vc"));
    watched.wait_for([](const InterfaceTable& table) { return table.find("vc") != nullptr; }, "read anew");
    EXPECT_TRUE(watched.has("vc", "10.1.1.1"));
    ASSERT_TRUE(ip("addr add 10.1.1.2/24 dev vc"));
    watched.wait_for(
        [](const InterfaceTable& table) { return table.owner_of(test::endpoint("10.1.1.2")) != nullptr; },
        "still watched");
  });
}

/// No file can be opened while this lives.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;
  ~NoMoreFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(InterfaceWatch, SaysWhyItCantStart) {
  Loop loop;
  InterfaceWatch watch(loop, [] {});
  const NoMoreFiles limit;
  const auto started = watch.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error(), "no netlink socket: Too many open files");
}

TEST(InterfaceWatch, KeepsWhatItKnowsWhileItCantReadAnew) {
  in_veth_namespace([] {
    Watched watched;
    ASSERT_TRUE(lose_messages());
    ASSERT_TRUE(ip("link set va name vc"));
    {
      const NoMoreFiles limit;
      Timer timer(watched.loop, [&] { watched.loop.stop(); });
      timer.set(monotonic_now() + std::chrono::milliseconds(50));
      watched.loop.run();
      EXPECT_NE(watched.find("va"), nullptr);
      EXPECT_EQ(watched.find("vc"), nullptr);
    }
    watched.wait_for([](const InterfaceTable& table) { return table.find("vc") != nullptr; }, "read anew");
    EXPECT_EQ(watched.find("va"), nullptr);
  });
}

TEST(InterfaceWatch, MayBeDestroyedByItsCallback) {
  in_veth_namespace([] {
    test::PatientLoop loop;
    std::optional<InterfaceWatch> watch;
    watch.emplace(loop, [&] {
      watch.reset();
      loop.stop();
    });
    ASSERT_TRUE(watch->start());
    ASSERT_TRUE(ip("addr add 10.1.1.1/24 dev va"));
    loop.run();
    EXPECT_FALSE(watch);
  });
}

}  // namespace
}  // namespace mptunnel
