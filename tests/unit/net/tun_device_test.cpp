// Real devices in a network namespace of the test's own, set up by ip(8).
#include "mptunnel/net/tun_device.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <span>
#include <stdexcept>

#include "ip_command.h"
#include "mptunnel/ip/header_fields.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/segmenter.h"
#include "namespace_support.h"
#include "net_support.h"
#include "network_rights.h"
#include "support/ip_packets.h"
#include "tun_namespace.h"

namespace mptunnel {
namespace {

using test::in_tun_namespace;
using test::make_udp;
using test::PacketBytes;
using test::PacketSpec;
using test::run_ip;

TunDevice open_tun(const TunOptions& options) {
  auto device = TunDevice::open(options);
  if (!device) throw std::runtime_error(device.error());
  return *std::move(device);
}

std::string error_of(const TunOptions& options) {
  const auto device = TunDevice::open(options);
  return device ? "" : device.error();
}

/// tunnel0 with 10.77.0.1/24, and no IPv6, which would send packets by itself.
TunDevice open_configured(TunOffload most) {
  TunDevice device = open_tun({"tunnel0", most});
  if (!run_ip("addr add 10.77.0.1/24 dev tunnel0") || !run_ip("link set tunnel0 addrgenmode none") ||
      !run_ip("link set tunnel0 up"))
    test::skip_in_namespace();
  return device;
}

TEST(TunDeviceName, IsWhatTheKernelTakesAsItIs) {
  for (const char* name : {"tun0", "a", "mptunnel-1.2_x@y", "fifteen-letters"})
    EXPECT_EQ(why_no_device_name(name).empty(), std::string_view(name).size() < 16) << name;
  for (const char* name : {"", ".", "..", "sixteen-letters.", "a/b", "a b", "tun%d", "eth0:1", "\xc3\xa4"}) {
    EXPECT_NE(why_no_device_name(name), "") << name;
    EXPECT_NE(error_of({name}), "") << name;
  }
}

TEST(TunDevice, IsMadeAndGoes) {
  in_tun_namespace([] {
    {
      const TunDevice device = open_tun({"tunnel0"});
      EXPECT_EQ(device.name(), "tunnel0");
      EXPECT_FALSE(device.is_persistent());
      EXPECT_EQ(test::ask_ip("-o link show tunnel0").find(std::to_string(device.index()) + ": tunnel0:"), 0U);
      TunDevice other = open_tun({"tunnel1"});
      other = open_tun({"tunnel2"});
      EXPECT_FALSE(run_ip("link show tunnel1"));
      EXPECT_TRUE(run_ip("link show tunnel2"));
    }
    EXPECT_FALSE(run_ip("link show tunnel0"));
    EXPECT_FALSE(run_ip("link show tunnel2"));
  });
}

TEST(TunDevice, SaysWhyItCantBeUsed) {
  in_tun_namespace([] {
    const TunDevice device = open_tun({"tunnel0"});
    EXPECT_NE(error_of({"tunnel0"}).find("in use by another process"), std::string::npos);
    EXPECT_NE(error_of({"lo"}).find("no TUN device"), std::string::npos);
    ASSERT_TRUE(run_ip("tuntap add dev bridge0 mode tap"));
    EXPECT_NE(error_of({"bridge0"}).find("no TUN device"), std::string::npos);
    test::give_up_network_rights();
    EXPECT_NE(error_of({"tunnel1"}).find("CAP_NET_ADMIN"), std::string::npos);
    EXPECT_NE(error_of({"tunnel1"}).find("ip tuntap add tunnel1 mode tun user"), std::string::npos);
  });
}

TEST(TunDevice, SaysThatThereIsNoModule) {
  in_tun_namespace([] {
    const bool is_alone = unshare(CLONE_NEWNS) == 0 &&
                          mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                          mount("none", "/dev/net", "tmpfs", 0, nullptr) == 0;
    if (!is_alone) test::skip_in_namespace();
    EXPECT_NE(error_of({"tunnel0"}).find("modprobe tun"), std::string::npos);
  });
}

TEST(TunDevice, MadeBeforehandNeedsNoRights) {
  in_tun_namespace([] {
    ASSERT_TRUE(run_ip("tuntap add dev mine mode tun user 0") &&
                run_ip("tuntap add dev theirs mode tun user 12345"));
    test::give_up_network_rights();
    for (int i = 0; i < 2; ++i) {
      const TunDevice device = open_tun({"mine"});
      EXPECT_TRUE(device.is_persistent());
      EXPECT_NE(device.index(), 0U);
    }
    EXPECT_NE(error_of({"theirs"}).find("CAP_NET_ADMIN"), std::string::npos);
  });
}

/// Whoever asks for these offloads is refused, as by an old kernel.
void refuse_offloads(unsigned int bits) {
  constexpr auto kRequestAt = static_cast<unsigned int>(offsetof(seccomp_data, args) + sizeof(std::uint64_t));
  constexpr auto kBitsAt = static_cast<unsigned int>(kRequestAt + sizeof(std::uint64_t));
  std::array<sock_filter, 8> code{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                  sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5),
                                  sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kRequestAt),
                                  sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TUNSETOFFLOAD, 0, 3),
                                  sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kBitsAt),
                                  sock_filter BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
                                  sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                                  sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{code.size(), code.data()};
  if (std::endian::native != std::endian::little || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    test::skip_in_namespace();
}

TEST(TunDevice, TakesWhatTheKernelHas) {
  in_tun_namespace([] {
    const TunOffload best = open_tun({"tunnel0"}).offload();
    EXPECT_GE(best, TunOffload::tcp);
    for (const TunOffload most : {TunOffload::none, TunOffload::checksum, TunOffload::tcp})
      EXPECT_EQ(open_tun({"tunnel0", most}).offload(), most);
    refuse_offloads(0x60);
    EXPECT_EQ(open_tun({"tunnel0"}).offload(), TunOffload::tcp);
    refuse_offloads(TUN_F_TSO4);
    EXPECT_EQ(open_tun({"tunnel0"}).offload(), TunOffload::checksum);
    refuse_offloads(TUN_F_CSUM);
    EXPECT_EQ(open_tun({"tunnel0"}).offload(), TunOffload::none);
    EXPECT_NE(open_tun({"tunnel0"}).index(), 0U);
  });
}

/// The datagrams in UDP packets that were read, once they are seen to be right.
test::Datagrams datagrams_in(std::span<TunPacket> packets) {
  test::Datagrams datagrams;
  for (const TunPacket& packet : packets) {
    auto segmenter = Segmenter::make(packet.header, packet.bytes);
    if (!segmenter) throw std::runtime_error(name_of(segmenter.error()));
    EXPECT_EQ(segmenter->count(), 1U);
    const auto parsed = parse_ip_packet(packet.bytes);
    EXPECT_EQ(parsed->protocol, kProtocolUdp);
    EXPECT_EQ(parsed->source.to_string(), "10.77.0.1");
    EXPECT_EQ(parsed->destination.to_string(), "10.77.0.2");
    const ConstBytes transport = parsed->payload();
    PacketBytes summed = test::pseudo_header({.source = "10.77.0.1", .destination = "10.77.0.2"},
                                             kProtocolUdp, transport.size());
    test::append(summed, transport);
    EXPECT_EQ(test::plain_sum(summed), 0xffff);
    datagrams.emplace_back(transport.begin() + kUdpHeaderBytes, transport.end());
  }
  return datagrams;
}

/// As many datagrams of this size to somebody behind the device.
test::Datagrams send_datagrams(std::size_t count, std::size_t size) {
  UdpSocket socket = test::open_socket(test::bound_to("10.77.0.1"));
  test::Datagrams datagrams;
  for (std::size_t i = 0; i < count; ++i) {
    datagrams.push_back(test::numbered_bytes(1, 1, size));
    datagrams.back().front() = static_cast<std::uint8_t>(i);
    const SendOutcome outcome =
        socket.send({datagrams.back(), size, Route{test::endpoint("10.77.0.2", 2000), {}}});
    EXPECT_EQ(outcome.accepted, 1U);
  }
  return datagrams;
}

constexpr std::array kAllOffloads{TunOffload::none, TunOffload::checksum, TunOffload::tcp, TunOffload::udp};

TEST(TunDevice, HandsOutWhatIsRoutedToIt) {
  in_tun_namespace([] {
    for (const TunOffload most : kAllOffloads) {
      TunDevice device = open_configured(most);
      TunBuffer buffer;
      EXPECT_TRUE(device.read(buffer).packets.empty());
      const test::Datagrams sent = send_datagrams(3, 1000);
      const TunReadResult result = device.read(buffer);
      EXPECT_EQ(datagrams_in(result.packets), sent);
      EXPECT_FALSE(result.more);
      EXPECT_EQ(result.error, 0);
      EXPECT_EQ(device.counters().read, 3U);
      EXPECT_EQ(device.counters().read_bytes, 3 * 1028U);
      EXPECT_EQ(device.counters().read_errors, 0U);
    }
  });
}

TEST(TunDevice, ReadsNoMoreThanItMay) {
  in_tun_namespace([] {
    TunDevice device = open_configured(TunOffload::udp);
    TunBuffer buffer;
    const test::Datagrams sent = send_datagrams(10, 100);
    const TunReadResult first = device.read(buffer, 4);
    EXPECT_TRUE(first.more);
    test::Datagrams read = datagrams_in(first.packets);
    EXPECT_EQ(read.size(), 4U);
    const TunReadResult rest = device.read(buffer);
    EXPECT_FALSE(rest.more);
    for (auto& datagram : datagrams_in(rest.packets)) read.push_back(std::move(datagram));
    EXPECT_EQ(read, sent);
    send_datagrams(TunBuffer::kPackets + 1, 10);
    EXPECT_EQ(device.read(buffer, 1000).packets.size(), TunBuffer::kPackets);
    EXPECT_EQ(device.read(buffer, 1000).packets.size(), 1U);
  });
}

TEST(TunDevice, LargePacketsAreReadWhole) {
  in_tun_namespace([] {
    TunDevice device = open_configured(TunOffload::udp);
    ASSERT_TRUE(run_ip("link set tunnel0 mtu 65535"));
    TunBuffer buffer;
    const test::Datagrams sent = send_datagrams(6, 65507);
    test::Datagrams read;
    bool more = true;
    for (int calls = 0; more; ++calls) {
      ASSERT_LT(calls, 6);
      const TunReadResult result = device.read(buffer);
      more = result.more;
      for (auto& datagram : datagrams_in(result.packets)) read.push_back(std::move(datagram));
    }
    EXPECT_EQ(read, sent);
  });
}

TEST(TunDevice, WhatIsWrittenComesIn) {
  in_tun_namespace([] {
    for (const TunOffload most : kAllOffloads) {
      TunDevice device = open_configured(most);
      UdpSocket socket = test::open_socket(test::bound_to("10.77.0.1"));
      PacketSpec spec{.source = "10.77.0.2", .destination = "10.77.0.1"};
      spec.destination_port = socket.local_endpoint().port;
      spec.payload = test::numbered_bytes(1, 1, 900);
      const PacketBytes packet = make_udp(spec);
      EXPECT_EQ(device.write(packet), 0);
      const std::array<ConstBytes, 3> pieces{ConstBytes(packet).subspan(28, 100), ConstBytes{},
                                             ConstBytes(packet).subspan(128)};
      EXPECT_EQ(device.write({}, ConstBytes(packet).first(28), pieces), 0);
      EXPECT_EQ(test::collect(socket, 2).datagrams, (test::Datagrams{spec.payload, spec.payload}));
      EXPECT_EQ(device.counters().written, 2U);
      EXPECT_EQ(device.counters().written_bytes, 2 * packet.size());
    }
  });
}

TEST(TunDevice, CountsWhatIsNotTakenByItsReason) {
  in_tun_namespace([] {
    TunDevice device = open_configured(TunOffload::tcp);
    const PacketBytes packet = make_udp({.source = "10.77.0.2", .destination = "10.77.0.1"});
    const PacketBytes noise(40, 0xff);
    EXPECT_EQ(device.write(noise), EINVAL);
    VnetHeader beyond{.needs_checksum = true, .checksum_start = 5000};
    EXPECT_EQ(device.write(beyond, packet), EINVAL);
    EXPECT_EQ(device.counters().invalid, 2U);
    ASSERT_TRUE(run_ip("link set tunnel0 down"));
    EXPECT_EQ(device.write(packet), EIO);
    EXPECT_EQ(device.counters().is_down, 1U);
    EXPECT_EQ(device.counters().written, 0U);
    // It bounds what may wait in the kernel.
    ASSERT_TRUE(run_ip("link set tunnel0 up"));
    const int least = 1;
    ASSERT_EQ(ioctl(device.fd(), TUNSETSNDBUF, &least), 0);
    for (int i = 0; i < 1000 && device.counters().would_block == 0; ++i)
      static_cast<void>(device.write(packet));
    EXPECT_EQ(device.counters().no_buffers + device.counters().other_errors, 0U);
    TunDevice plain = open_tun({"tunnel1", TunOffload::none});
    EXPECT_EQ(plain.write({.needs_checksum = true}, packet), EINVAL);
    EXPECT_EQ(plain.counters().invalid, 1U);
  });
}

TEST(TunDevice, OneThatWasRemovedSaysSo) {
  in_tun_namespace([] {
    TunDevice device = open_configured(TunOffload::udp);
    TunBuffer buffer;
    ASSERT_TRUE(run_ip("link del tunnel0"));
    EXPECT_TRUE(test::wait_readable(device.fd(), monotonic_now() + test::kPatience));
    EXPECT_EQ(device.read(buffer).error, EBADFD);
    EXPECT_EQ(device.counters().read_errors, 1U);
    EXPECT_NE(device.write(make_udp({})), 0);
    EXPECT_EQ(device.counters().other_errors, 1U);
  });
}

TEST(TunDevice, NothingStaysOfAFormerReader) {
  in_tun_namespace([] {
    ASSERT_TRUE(run_ip("tuntap add dev tunnel0 mode tun"));
    for (const TunOffload most : {TunOffload::udp, TunOffload::none, TunOffload::tcp}) {
      TunDevice device = open_tun({"tunnel0", most});
      static_cast<void>(run_ip("addr add 10.77.0.1/24 dev tunnel0"));
      ASSERT_TRUE(run_ip("link set tunnel0 addrgenmode none") && run_ip("link set tunnel0 up"));
      TunBuffer buffer;
      const test::Datagrams sent = send_datagrams(2, 500);
      EXPECT_EQ(datagrams_in(device.read(buffer).packets), sent);
      const int longer = 12;
      EXPECT_EQ(ioctl(device.fd(), TUNSETVNETHDRSZ, &longer), 0);
    }
  });
}

}  // namespace
}  // namespace mptunnel
