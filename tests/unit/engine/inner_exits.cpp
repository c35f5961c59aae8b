#include "drop_exits.h"
#include "inner_support.h"

namespace mptunnel::test {
namespace {

/// With a key that may send 8 bit/s.
void slow(TunnelSettings& settings) {
  with_inner(settings);
  settings.client.key = make_key(1);
  KeyQuota quota;
  quota.max_rate = 8;
  settings.limits.named_keys = {NamedKey{"a", make_key(1), quota, false}};
}
void in_the_clear_with_inner(TunnelSettings& settings) {
  with_inner(settings);
  in_the_clear(settings);
}
/// Another client of the server, which has 10.42.42.9.
RawClient neighbour(ExitTunnel& t) {
  RawClient raw = t.raw();
  EXPECT_TRUE(raw.join(9, 9, t.now));
  EXPECT_FALSE(ask(raw, {wanted_address("10.42.42.9")}, t.now).empty());
  t.count_from_here();
  return raw;
}
/// What the client's device sends.
std::function<void(ExitTunnel&)> sends(const Packet& packet) {
  return [packet](ExitTunnel& t) { t.client_device_sends(packet); };
}
Ecn congested(const Wire& /*wire*/) {
  return Ecn::ce;
}
const ExitRow kInner[] = {
    {"MalformedAtServer", Drop::inner_malformed, End::server, sends(Packet(30, 0x45)), false, with_inner},
    {"MalformedOfTheDevice", Drop::inner_malformed, End::server,
     [](auto& t) { t.server_device_sends(Packet(30, 0x45)); }, false, with_inner},
    {"Malformed", Drop::inner_malformed, End::client,
     [](auto& t) { t.to_client(data_to_client(t, ip_frame(Packet(30, 0x45)))); }, false, with_inner},
    {"OfAnotherSource", Drop::inner_source, End::server, sends(inner_udp("10.42.42.8", "10.42.42.1")), false,
     with_inner},
    {"Multicast", Drop::inner_multicast, End::server, sends(inner_udp("10.42.42.7", "224.0.0.251")), false,
     with_inner},
    {"Broadcast", Drop::inner_multicast, End::server, sends(inner_udp("10.42.42.7", "10.42.42.255")), false,
     with_inner},
    {"ForNobody", Drop::inner_unowned, End::server, sends(inner_udp("10.42.42.7", "10.42.42.200")), false,
     with_inner},
    {"OfTheDeviceForNobody", Drop::inner_unowned, End::server,
     [](auto& t) { t.server_device_sends(inner_udp("10.42.42.1", "10.42.42.200")); }, false, with_inner},
    {"CongestedAtServer", Drop::inner_congestion, End::server,
     [](auto& t) {
       t.remarked = congested;
       t.client_device_sends(inner_up());
     },
     false, with_inner},
    {"Congested", Drop::inner_congestion, End::client,
     [](auto& t) {
       t.remarked = congested;
       t.server_device_sends(inner_down());
     },
     false, with_inner},
    {"ForAnotherClient", Drop::client_to_client, End::server,
     [](auto& t) {
       neighbour(t);
       t.client_device_sends(inner_udp("10.42.42.7", "10.42.42.9"));
     },
     false, with_inner},
    {"WithoutHopsForAnotherClient", Drop::inner_hops, End::server,
     [](auto& t) {
       neighbour(t);
       t.client_device_sends(inner_udp("10.42.42.7", "10.42.42.9", 100, 1));
     },
     false,
     [](auto& settings) {
       with_inner(settings);
       settings.limits.inner->client_to_client = true;
     }},
    {"BeyondTheRateOfAKeyInner", Drop::key_rate, End::server,
     [](auto& t) {
       for (int i = 0; i < 70 && t.grown_at_server(Drop::key_rate) == 0; ++i)
         t.client_device_sends(inner_up(1000));
     },
     false, slow},
    {"BeyondTheRateOfAKeyInnerToTheClient", Drop::key_rate, End::server,
     [](auto& t) {
       for (int i = 0; i < 70 && t.grown_at_server(Drop::key_rate) == 0; ++i)
         t.server_device_sends(inner_down(1000));
     },
     false, slow},
    {"WithoutADevice", Drop::inner_unsupported, End::client, sends(inner_up())},
    {"InTheClear", Drop::inner_unsupported, End::client, sends(inner_up()), false, in_the_clear_with_inner},
    {"WithoutADeviceAtServer", Drop::inner_unsupported, End::server,
     [](auto& t) { t.server_device_sends(inner_down()); }},
    {"ToAServerWithoutADevice", Drop::unexpected_frame, End::server,
     [](auto& t) { t.to_server(data_to_server(t, ip_frame(inner_up()))); }},
    {"ToAClientWithoutADevice", Drop::unexpected_frame, End::client,
     [](auto& t) { t.to_client(data_to_client(t, ip_frame(inner_down()))); }},
    {"AnswerToNoQuestion", Drop::unexpected_frame, End::client,
     [](auto& t) { t.to_client(control_to_client(t, frame_bytes({AddressesGivenFrame{}}))); }},
    {"TooManyQuestions", Drop::inner_rate, End::server,
     [](auto& t) {
       RawClient raw = neighbour(t);
       for (int i = 0; i < 20 && t.grown_at_server(Drop::inner_rate) == 0; ++i)
         ask(raw, {wanted_any()}, t.now);
     },
     false, with_inner},
    {"InnerTooLarge", Drop::too_large, End::client, sends(inner_up(kMaxPacketBytes - 27)), false, with_inner},
    {"InnerQueueExpired", Drop::queue_expired, End::client,
     [](auto& t) {
       t.client_device_sends(inner_up());
       t.advance(kQueueLife);
     },
     true, with_inner},
    {"InnerToAClientThatIsSilent", Drop::no_path, End::server,
     [](auto& t) {
       t.arrives = [](const Wire& wire) { return !wire.to_server; };
       t.advance(kDormantAfter + kServerTick);
       t.count_from_here();
       t.server_device_sends(inner_down());
     },
     false, with_inner},
};

}  // namespace

std::vector<ExitRow> inner_exits() {
  return {std::begin(kInner), std::end(kInner)};
}

}  // namespace mptunnel::test
