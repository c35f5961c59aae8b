// Both engines together: packets of TUN devices, and who has which inner address.
#include <gtest/gtest.h>

#include <algorithm>

#include "inner_support.h"

namespace mptunnel::test {
namespace {

/// How often an event of this kind has this verdict for its first entry.
template <typename Kind>
std::size_t verdicts(const std::vector<Event>& events, InnerVerdict verdict) {
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [&](const Event& event) {
    const auto* kind = std::get_if<Kind>(&event);
    return kind != nullptr && !kind->entries.empty() && kind->entries.front().verdict == verdict;
  }));
}

class TunnelInner : public testing::Test {
 protected:
  explicit TunnelInner(const TunnelSettings& settings = inner_tunnel()) : tunnel_(settings) {}

  /// Another client, whose session the server keeps.
  RawClient raw(std::uint8_t identity) {
    RawClient client(*tunnel_.server, tunnel_.server_random, raw_route(identity));
    EXPECT_TRUE(client.join(identity, identity, tunnel_.now));
    return client;
  }
  [[nodiscard]] IpAddress own_address() const {
    const ClientSnapshot snapshot = tunnel_.client->snapshot(tunnel_.now);
    EXPECT_TRUE(snapshot.session.inner && !snapshot.session.inner->entries.empty());
    if (!snapshot.session.inner || snapshot.session.inner->entries.empty()) return {};
    return address_of(snapshot.session.inner->entries.front().prefix);
  }
  /// Until the client asks again for what was refused.
  void wait_for_question() { tunnel_.advance(kInnerRefusedAgain + 1s); }

  PathTunnel tunnel_;
};

TEST_F(TunnelInner, TheClientHasItsAddressesAtOnceAndBothEndsSaySo) {
  tunnel_.start();
  ASSERT_EQ(Tunnel::count<InnerAddresses>(tunnel_.client_events), 1U);
  ASSERT_EQ(Tunnel::count<ClientInnerAddresses>(tunnel_.server_events), 1U);
  EXPECT_EQ(verdicts<InnerAddresses>(tunnel_.client_events, InnerVerdict::given), 1U);
  const ClientSnapshot snapshot = tunnel_.client->snapshot(tunnel_.now);
  ASSERT_TRUE(snapshot.session.inner);
  const std::vector<InnerEntry>& entries = snapshot.session.inner->entries;
  ASSERT_EQ(entries.size(), 5U) << "three that it wants, and two of the server";
  EXPECT_EQ(address_of(entries[0].prefix).to_string(), "10.42.42.7");
  EXPECT_EQ(entries[0].prefix.length, 24);
  EXPECT_EQ(entries[1].prefix.length, 64);
  EXPECT_EQ(entries[2].prefix.length, 24);
  EXPECT_EQ(address_of(entries[3].prefix).to_string(), "10.42.42.1");
  const ServerSnapshot at_server = tunnel_.server->snapshot(tunnel_.now);
  ASSERT_TRUE(at_server.peers.front().session.inner);
  EXPECT_EQ(at_server.peers.front().session.inner->entries.size(), 3U);
  // It asks no more.
  tunnel_.wires.clear();
  tunnel_.advance(10min);
  EXPECT_EQ(Tunnel::count<InnerAddresses>(tunnel_.client_events), 1U);
}

TEST_F(TunnelInner, PacketsComeOutAsTheyWentInAndAreCounted) {
  tunnel_.start();
  const std::vector<Packet> up{inner_up(), inner_udp("fd00:42::7", "fd00:42::1"),
                               inner_udp("192.168.7.9", "8.8.8.8")};
  const std::vector<Packet> down{inner_down(), inner_udp("fd00:42::1", "fd00:42::7"),
                                 inner_udp("8.8.8.8", "192.168.7.9")};
  std::size_t bytes = 0;
  for (const Packet& packet : up) tunnel_.client_device_sends(packet, {3, {}});
  for (const Packet& packet : down) {
    tunnel_.server_device_sends(packet, {4, {}});
    bytes += packet.size();
  }
  EXPECT_EQ(tunnel_.at_server_device, up);
  EXPECT_EQ(tunnel_.at_client_device, down);
  EXPECT_TRUE(tunnel_.at_target.empty());
  EXPECT_TRUE(tunnel_.at_application.empty());
  EXPECT_TRUE(tunnel_.flow_changes.empty());
  const InnerCounts at_client = tunnel_.client->snapshot(tunnel_.now).session.inner->counts;
  EXPECT_EQ(at_client.into_tunnel, 3U);
  EXPECT_EQ(at_client.out_of_tunnel, 3U);
  EXPECT_EQ(at_client.out_of_tunnel_bytes, bytes);
  const InnerCounts at_server = tunnel_.server->snapshot(tunnel_.now).peers.front().session.inner->counts;
  EXPECT_EQ(at_server.into_tunnel_bytes, bytes);
  EXPECT_EQ(at_server.out_of_tunnel, 3U);
}

TEST_F(TunnelInner, PacketsOfOneFlowLeaveInOneRunWithTheirDscp) {
  tunnel_.start();
  Packet packets;
  for (int i = 0; i < 10; ++i) {
    const Packet one = inner_up();
    packets.insert(packets.end(), one.begin(), one.end());
  }
  Output out;
  tunnel_.client->on_tun({packets, packets.size() / 10}, {3, {46}}, out, tunnel_.now);
  ASSERT_EQ(out.runs.size(), 1U);
  EXPECT_EQ(out.runs[0].count, 10U);
  EXPECT_EQ(out.runs[0].marks.dscp, 46);
  EXPECT_EQ(out.runs[0].stride, packets.size() / 10 + 24 + kIpPrefixBytes);
}

TEST_F(TunnelInner, WhatTheDeviceSendsBeforeTheAnswerWaitsForIt) {
  bool holds = true;
  tunnel_.arrives = [&](const Wire& wire) { return !holds || wire.to_server; };
  tunnel_.start();
  tunnel_.client_device_sends(inner_up(50));
  holds = false;
  tunnel_.client_device_sends(inner_up(51));
  tunnel_.advance(kHandshakeRepeat);
  tunnel_.client_device_sends(inner_up(52));
  EXPECT_EQ(tunnel_.at_server_device, (std::vector<Packet>{inner_up(50), inner_up(51), inner_up(52)}));
  EXPECT_EQ(tunnel_.server_drops(Drop::inner_source), 0U);
}

TEST_F(TunnelInner, AQuestionThatIsLostIsAskedAgain) {
  int lost = 0;
  bool is_up = false;
  // What follows the first PING of each path, under the first key.
  tunnel_.arrives = [&](const Wire& wire) {
    if (is_up || wire.to_server) return true;
    return tunnel_.client->state().link.current() == nullptr || ++lost > 12;
  };
  tunnel_.start();
  tunnel_.advance(5s);
  is_up = true;
  tunnel_.advance(5s);
  EXPECT_EQ(verdicts<InnerAddresses>(tunnel_.client_events, InnerVerdict::given), 1U);
  EXPECT_EQ(Tunnel::count<ClientInnerAddresses>(tunnel_.server_events), 1U);
}

Packet given(std::uint8_t sequence, std::vector<InnerEntry> entries) {
  for (InnerEntry& entry : entries) entry.verdict = InnerVerdict::given;
  const std::vector<std::uint8_t> bytes = inner_entry_bytes(entries, true);
  return frame_bytes({AddressesGivenFrame{sequence, static_cast<std::uint8_t>(entries.size()), bytes}});
}

TEST_F(TunnelInner, OneAnswerToAQuestionCounts) {
  tunnel_.start();
  const auto& inner = *tunnel_.client->state().inner;
  const std::vector<InnerEntry> answer(inner.given.begin(), inner.given.begin() + 3);
  const auto last = static_cast<std::uint8_t>(inner.sequence - 1);
  std::vector<InnerEntry> other = answer;
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, given(last, other)));
  EXPECT_EQ(Tunnel::count<InnerAddresses>(tunnel_.client_events), 1U);
  // With the number of the next question it is one.
  tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, given(inner.sequence, other)));
  EXPECT_EQ(Tunnel::count<InnerAddresses>(tunnel_.client_events), 2U) << "without those of the server";
}

TEST_F(TunnelInner, AnswersThatNoQuestionCanHaveAreDropped) {
  tunnel_.start();
  const auto& inner = *tunnel_.client->state().inner;
  const std::vector<InnerEntry> answer(inner.given.begin(), inner.given.begin() + 3);
  std::vector<InnerEntry> another_address = answer;
  another_address[0].prefix.octets[3] ^= 1U;
  std::vector<InnerEntry> another_network = answer;
  another_network[2].prefix.length = 16;
  for (const auto& wrong : {another_address, another_network}) {
    const std::uint64_t before = tunnel_.client->drops()[Drop::unexpected_frame];
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, given(inner.sequence, wrong)));
    EXPECT_EQ(tunnel_.client->drops()[Drop::unexpected_frame], before + 1);
  }
  EXPECT_EQ(Tunnel::count<InnerAddresses>(tunnel_.client_events), 1U);
}

/// A client that takes what it is given.
class TunnelInnerAutomatic : public TunnelInner {
 protected:
  TunnelInnerAutomatic() : TunnelInner(settings()) {}
  static TunnelSettings settings() {
    TunnelSettings settings = inner_tunnel();
    settings.inner = {wanted_any()};
    return settings;
  }
};

TEST_F(TunnelInnerAutomatic, TakesNoAddressThatNoHostHasAndNoHalfOfTheInternet) {
  tunnel_.start();
  const auto& inner = *tunnel_.client->state().inner;
  const auto offer = [&](std::string_view address, std::uint8_t length) {
    const std::uint64_t before = tunnel_.client->drops()[Drop::unexpected_frame];
    InnerEntry entry = wanted_any();
    entry.prefix = inner_prefix(parse_ip_address(address).value(), length);
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::control, given(inner.sequence, {entry})));
    return tunnel_.client->drops()[Drop::unexpected_frame] == before;
  };
  EXPECT_FALSE(offer("1.2.3.4", 1));
  EXPECT_FALSE(offer("10.1.2.3", 7));
  EXPECT_FALSE(offer("127.0.0.1", 8));
  EXPECT_FALSE(offer("224.0.0.1", 24));
  EXPECT_FALSE(offer("10.1.2.0", 24)) << "the network's";
  EXPECT_FALSE(offer("10.1.2.255", 24)) << "its broadcast address";
  EXPECT_TRUE(offer("10.1.2.3", 8));
  EXPECT_TRUE(offer("10.1.2.2", 31));
}

TEST_F(TunnelInner, AnswersAreAskedForAgainAfterAWhile) {
  tunnel_.start();
  tunnel_.wires.clear();
  const std::uint8_t before = tunnel_.client->state().inner->sequence;
  for (int i = 0; i < 61; ++i) {
    tunnel_.client_device_sends(inner_up());
    tunnel_.advance(1s);
  }
  EXPECT_EQ(tunnel_.client->state().inner->sequence, static_cast<std::uint8_t>(before + 1));
}

TEST_F(TunnelInner, AClientThatIsRestartedHasTheSameAddress) {
  TunnelSettings settings = inner_tunnel();
  settings.inner = {wanted_any()};
  PathTunnel tunnel(settings);
  tunnel.start();
  const auto address = [&] {
    return address_of(tunnel.client->snapshot(tunnel.now).session.inner->entries.front().prefix);
  };
  const IpAddress first = address();
  EXPECT_EQ(first.family, Family::ipv4);
  tunnel.restart_client();
  EXPECT_EQ(address(), first);
  const Packet down = inner_udp("10.42.42.1", first.to_string());
  tunnel.server_device_sends(down);
  EXPECT_EQ(tunnel.at_client_device, std::vector<Packet>{down});
  tunnel.client->close(tunnel.out, tunnel.now);
  tunnel.carry();
  tunnel.server_device_sends(down);
  EXPECT_EQ(tunnel.server_drops(Drop::inner_unowned), 1U);
  tunnel.restart_client();
  EXPECT_EQ(address(), first);
}

TEST_F(TunnelInner, AServerThatIsRestartedGivesTheSameAndNothingIsLost) {
  for (const bool is_automatic : {false, true}) {
    TunnelSettings settings = inner_tunnel();
    if (is_automatic) settings.inner = {wanted_any()};
    PathTunnel tunnel(settings);
    tunnel.start();
    const IpAddress before =
        address_of(tunnel.client->snapshot(tunnel.now).session.inner->entries.front().prefix);
    const Packet up = inner_udp(before.to_string(), "10.42.42.1");
    tunnel.client_device_sends(up);
    tunnel.restart_server();
    tunnel.at_server_device.clear();
    for (int i = 0; i < 200 && Tunnel::count<SessionStarted>(tunnel.client_events) < 2; ++i) {
      tunnel.client_device_sends(up);
      tunnel.advance(10ms);
    }
    ASSERT_EQ(Tunnel::count<SessionStarted>(tunnel.client_events), 2U);
    tunnel.at_server_device.clear();
    tunnel.client_device_sends(up);
    EXPECT_EQ(tunnel.at_server_device, std::vector<Packet>{up});
    EXPECT_EQ(tunnel.server_drops(Drop::inner_source), 0U);
    EXPECT_EQ(address_of(tunnel.client->snapshot(tunnel.now).session.inner->entries.front().prefix), before);
    EXPECT_EQ(Tunnel::count<InnerAddresses>(tunnel.client_events), 1U) << "the device stays as it is";
  }
}

TEST_F(TunnelInner, WhoAsksSecondIsToldAndGetsItOnceItIsFree) {
  RawClient other = raw(9);
  ASSERT_EQ(ask(other, {wanted_address("10.42.42.7")}, tunnel_.now).front().verdict, InnerVerdict::given);
  tunnel_.start();
  EXPECT_EQ(verdicts<InnerAddresses>(tunnel_.client_events, InnerVerdict::taken), 1U);
  EXPECT_EQ(verdicts<ClientInnerAddresses>(tunnel_.server_events, InnerVerdict::taken), 1U);
  tunnel_.client_device_sends(inner_up());
  EXPECT_TRUE(tunnel_.at_server_device.empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::inner_source), 1U);
  for (int i = 0; i < 3; ++i) {
    other.send(other.ping(tunnel_.now), tunnel_.now);
    wait_for_question();
  }
  EXPECT_EQ(Tunnel::count<InnerAddresses>(tunnel_.client_events), 1U) << "said once";
  other.send(other.control({CloseFrame{}}, tunnel_.now), tunnel_.now);
  wait_for_question();
  EXPECT_EQ(verdicts<InnerAddresses>(tunnel_.client_events, InnerVerdict::given), 1U);
  tunnel_.client_device_sends(inner_up());
  EXPECT_EQ(tunnel_.at_server_device.size(), 1U);
}

TEST_F(TunnelInner, ASourceThatIsNotItsOwnGoesNowhere) {
  tunnel_.start();
  RawClient other = raw(9);
  ask(other, {wanted_address("10.42.42.9")}, tunnel_.now);
  for (const char* source :
       {"10.42.42.9", "10.42.42.8", "10.42.42.1", "8.8.8.8", "192.168.8.1", "127.0.0.1", "0.0.0.0"})
    tunnel_.client_device_sends(inner_udp(source, "10.42.42.1"));
  tunnel_.client_device_sends(inner_udp("fd00:42::8", "fd00:42::1"));
  EXPECT_TRUE(tunnel_.at_server_device.empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::inner_source), 8U);
}

TEST_F(TunnelInner, WhatIsForAnotherClientGoesThereIfThatIsWanted) {
  for (const bool is_wanted : {false, true}) {
    TunnelSettings settings = inner_tunnel(1);
    settings.limits.inner->client_to_client = is_wanted;
    TwoClients clients(settings);
    ASSERT_TRUE(clients.begin());
    auto& [tunnel, other] = clients;
    for (const bool is_ipv4 : {true, false}) {
      const char* from = is_ipv4 ? "10.42.42.7" : "fd00:42::7";
      const char* to = is_ipv4 ? "10.42.42.9" : "fd00:42::9";
      const Packet packet = tunnel.seal_as_client(PacketType::data, ip_frame(inner_udp(from, to)));
      Packet bytes = packet;
      Output out;
      tunnel.server->on_network({bytes, bytes.size()}, tunnel.route(PathId{0}), out, tunnel.now);
      const std::vector<Packet> expected{inner_udp(from, to, 100, 63)};
      EXPECT_EQ(inner_packets(other, out, tunnel.now), is_wanted ? expected : std::vector<Packet>{});
      EXPECT_TRUE(out.deliveries.empty());
    }
    EXPECT_EQ(tunnel.server_drops(Drop::client_to_client), is_wanted ? 0U : 2U);
  }
}

TEST_F(TunnelInner, AnAddressThatNobodyHasIsNoBusinessOfTheDevice) {
  tunnel_.start();
  tunnel_.client_device_sends(inner_udp("10.42.42.7", "10.42.42.200"));
  EXPECT_TRUE(tunnel_.at_server_device.empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::inner_unowned), 1U);
  tunnel_.client_device_sends(inner_udp("10.42.42.7", "192.168.7.1"));
  EXPECT_EQ(tunnel_.server_drops(Drop::inner_unowned), 2U) << "back to its sender";
  EXPECT_TRUE(tunnel_.at_client_device.empty());
}

TEST_F(TunnelInner, LargePacketsTravelInFragments) {
  tunnel_.start();
  tunnel_.client_device_sends(inner_up(9000));
  tunnel_.server_device_sends(inner_down(9000));
  EXPECT_EQ(tunnel_.at_server_device, std::vector<Packet>{inner_up(9000)});
  EXPECT_EQ(tunnel_.at_client_device, std::vector<Packet>{inner_down(9000)});
}

TEST_F(TunnelInner, TheLargestThatNeedsNoFragmentIsAsItSays) {
  tunnel_.start();
  const std::size_t largest = *tunnel_.client->snapshot(tunnel_.now).session.inner->largest_whole;
  const auto leaves_whole = [&](std::size_t size) {
    Packet packet = inner_up(size - 28);
    Output out;
    tunnel_.client->on_tun({packet, packet.size()}, {}, out, tunnel_.now);
    return out.runs.size() == 1 && out.runs.front().count == 1;
  };
  EXPECT_TRUE(leaves_whole(largest));
  EXPECT_FALSE(leaves_whole(largest + 1));
}

TEST_F(TunnelInner, WithoutADeviceAtTheServerThereIsNoAddress) {
  TunnelSettings settings = inner_tunnel();
  settings.limits.inner.reset();
  PathTunnel tunnel(settings);
  tunnel.start();
  EXPECT_EQ(verdicts<InnerAddresses>(tunnel.client_events, InnerVerdict::no_device), 1U);
  tunnel.client_device_sends(inner_up());
  EXPECT_EQ(tunnel.server_drops(Drop::unexpected_frame), 1U);
  EXPECT_TRUE(tunnel.at_server_device.empty());
}

TEST_F(TunnelInner, NothingIsCarriedInTheClear) {
  TunnelSettings settings = inner_tunnel();
  settings.client.encrypt = settings.server.encrypt = false;
  PathTunnel tunnel(settings);
  tunnel.open_flow();
  ASSERT_EQ(Tunnel::count<InnerUnsupported>(tunnel.client_events), 0U) << "forgotten";
  tunnel.restart_client();
  ASSERT_EQ(Tunnel::count<InnerUnsupported>(tunnel.client_events), 1U);
  tunnel.client_device_sends(inner_up());
  EXPECT_EQ(tunnel.client_drops(Drop::inner_unsupported), 1U);
  // Whatever somebody on the way writes.
  tunnel.to_server(tunnel.seal_as_client(PacketType::data, ip_frame(inner_up())));
  tunnel.to_client(tunnel.seal_as_server(PacketType::data, ip_frame(inner_down())));
  EXPECT_TRUE(tunnel.at_server_device.empty());
  EXPECT_TRUE(tunnel.at_client_device.empty());
}

TEST_F(TunnelInner, WhoHasProvedNoAddressGetsNone) {
  RawClient other(*tunnel_.server, tunnel_.server_random, raw_route(9));
  ASSERT_TRUE(other.connect(9, 9, tunnel_.now));
  EXPECT_TRUE(ask(other, {wanted_address("10.42.42.9")}, tunnel_.now).empty());
  EXPECT_EQ(tunnel_.server_drops(Drop::unexpected_frame), 1U);
  EXPECT_EQ(tunnel_.server->state().inner->size(), 0U);
}

TEST_F(TunnelInner, QuestionsAreReadAtALimitedRate) {
  RawClient other = raw(9);
  for (int i = 0; i < 100; ++i) ask(other, {wanted_any()}, tunnel_.now);
  EXPECT_EQ(tunnel_.server_drops(Drop::inner_rate), 100U - static_cast<unsigned>(kInnerAskedBurst));
  EXPECT_EQ(tunnel_.server->state().inner->size(), 1U);
}

TEST_F(TunnelInner, OurOwnPacketsInsideInnerOnesLeadNowhere) {
  tunnel_.start();
  Packet ping;
  for (const Wire& wire : tunnel_.wires) {
    if (wire.to_server && wire.type() == PacketType::control && wire.bytes.size() == kProbeBytes)
      ping = wire.bytes;
  }
  ASSERT_FALSE(ping.empty());
  for (const bool is_ipv4 : {true, false}) {
    PacketSpec spec = is_ipv4 ? PacketSpec{} : ipv6_spec();
    if (is_ipv4) spec.source = "10.42.42.7";
    spec.payload = ping;
    tunnel_.client_device_sends(make_udp(spec));
  }
  EXPECT_EQ(tunnel_.client_drops(Drop::own_packet), 2U);
  EXPECT_TRUE(tunnel_.at_server_device.empty());
}

/// Of order: each bucket for itself.
class TunnelInnerOrder : public TunnelInner {
 protected:
  TunnelInnerOrder()
      : TunnelInner([] {
          TunnelSettings settings = inner_tunnel(1);
          settings.order = {OrderSettings::Mode::always, 20ms};
          return settings;
        }()) {
    tunnel_.start();
  }
  static Packet numbered(std::uint16_t bucket, std::uint16_t number, bool is_up) {
    const std::size_t size = 100U + bucket * 10U + number;
    return ip_frame(is_up ? inner_up(size) : inner_down(size), InnerNumber{bucket, number});
  }
  void to_server(std::uint16_t bucket, std::uint16_t number) {
    tunnel_.to_server(tunnel_.seal_as_client(PacketType::data, numbered(bucket, number, true)));
  }
  void to_client(std::uint16_t bucket, std::uint16_t number) {
    tunnel_.to_client(tunnel_.seal_as_server(PacketType::data, numbered(bucket, number, false)));
  }
  static std::vector<std::size_t> sizes(const std::vector<Packet>& packets) {
    std::vector<std::size_t> all;
    for (const Packet& packet : packets) all.push_back(packet.size() - 128);
    return all;
  }
};

TEST_F(TunnelInnerOrder, EachBucketIsKeptInItsOrderAndWaitsForNoOther) {
  for (const auto& [bucket, number] :
       std::vector<std::pair<std::uint16_t, std::uint16_t>>{{1, 1}, {1, 3}, {2, 5}, {2, 6}, {1, 2}}) {
    to_server(bucket, number);
    to_client(bucket, number);
  }
  const std::vector<std::size_t> expected{11, 25, 26, 12, 13};
  EXPECT_EQ(sizes(tunnel_.at_server_device), expected);
  EXPECT_EQ(sizes(tunnel_.at_client_device), expected);
}

TEST_F(TunnelInnerOrder, WhatGoesNoFurtherIsWaitedForNoLonger) {
  to_server(1, 1);
  to_server(1, 3);
  Packet forged = ip_frame(inner_udp("10.42.42.8", "10.42.42.1"), InnerNumber{1, 2});
  tunnel_.to_server(tunnel_.seal_as_client(PacketType::data, forged));
  EXPECT_EQ(sizes(tunnel_.at_server_device), (std::vector<std::size_t>{11, 13}));
}

TEST_F(TunnelInnerOrder, DenseFlowsAreNumberedEachForItself) {
  std::vector<Packet> late;
  int data = 0;
  tunnel_.arrives = [&](const Wire& wire) {
    if (!wire.to_server || wire.type() != PacketType::data || ++data % 10 != 5) return true;
    late.push_back(wire.bytes);
    return false;
  };
  for (std::size_t i = 0; i < 10; ++i) tunnel_.client_device_sends(inner_up(1000 + i), {7, {}});
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(tunnel_.at_server_device.size(), 4U);
  tunnel_.client_device_sends(inner_up(50), {8, {}});
  EXPECT_EQ(tunnel_.at_server_device.size(), 5U) << "another flow waits for none of it";
  tunnel_.to_server(late[0]);
  ASSERT_EQ(tunnel_.at_server_device.size(), 11U);
  EXPECT_EQ(tunnel_.at_server_device[5], inner_up(1004));
  EXPECT_EQ(tunnel_.at_server_device[10], inner_up(1009));
}

/// Packets that somebody has changed, and random ones: none reaches another client, and what reaches the
/// device is a packet of its sender.
TEST(TunnelInnerHostile, MangledPacketsReachNobodyElse) {
  TunnelSettings settings = inner_tunnel(1);
  settings.limits.inner->client_to_client = true;
  settings.order = {OrderSettings::Mode::always, 20ms};
  TwoClients clients(settings);
  ASSERT_TRUE(clients.begin());
  auto& [tunnel, other] = clients;
  TestRandom random(77);
  const std::vector<Packet> seeds{inner_up(), inner_udp("fd00:42::7", "fd00:42::1"),
                                  inner_udp("10.42.42.7", "10.42.42.9"),
                                  inner_udp("fd00:42::7", "fd00:42::9"), inner_udp("192.168.7.1", "8.8.8.8")};
  const InnerRoutes& routes = *tunnel.server->state().inner;
  const SessionHandle sender = tunnel.server->state().table.all().begin()->first;
  std::size_t delivered = 0;
  std::size_t passed_on = 0;
  for (int round = 0; round < 10'000; ++round) {
    Packet packet = seeds[random.below(seeds.size())];
    for (std::uint64_t flips = random.below(6); flips > 0; --flips)
      packet[random.below(std::min<std::size_t>(packet.size(), 44))] =
          static_cast<std::uint8_t>(random.u64());
    if (random.below(10) == 0) packet.resize(random.below(packet.size()));
    if (random.below(10) == 0) random.fill(packet);
    std::optional<InnerNumber> number;
    if (random.below(2) == 0)
      number = InnerNumber{static_cast<std::uint16_t>(random.below(3)), static_cast<std::uint16_t>(round)};
    Packet bytes = tunnel.seal_as_client(PacketType::data, ip_frame(packet, number));
    Output out;
    tunnel.server->on_network({bytes, bytes.size()}, tunnel.route(PathId{0}), out, tunnel.now);
    for (const Delivery& delivery : out.deliveries) ASSERT_TRUE(is_tun(delivery.flow));
    for (const ConstBytes piece : out.pieces) {
      const auto read = parse_ip_packet(piece);
      ASSERT_TRUE(read);
      ASSERT_TRUE(routes.has(sender, read->source)) << read->source.to_string();
      ASSERT_EQ(routes.find(read->destination).place, InnerRoutes::Place::device);
      ++delivered;
    }
    for (const Packet& forwarded : inner_packets(other, out, tunnel.now)) {
      const auto read = parse_ip_packet(forwarded);
      ASSERT_TRUE(read);
      ASSERT_TRUE(routes.has(sender, read->source)) << read->source.to_string();
      ASSERT_EQ(routes.find(read->destination).session, SessionHandle{sender.value + 1});
      ++passed_on;
    }
    for (const PacketRun& run : out.runs) ASSERT_TRUE(run.session != sender || !run.has_datagrams);
    tunnel.now += 1ms;
  }
  EXPECT_GT(delivered, 500U);
  EXPECT_GT(passed_on, 300U);
  for (const Drop drop : {Drop::inner_malformed, Drop::inner_source, Drop::inner_unowned})
    EXPECT_GT(tunnel.server_drops(drop), 30U) << name_of(drop);
}

}  // namespace
}  // namespace mptunnel::test
