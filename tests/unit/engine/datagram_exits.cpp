#include "drop_exits.h"

namespace mptunnel::test {
namespace {

/// The client's key is 1, and may have one session with one flow; key 2 is disabled.
void with_keyring(TunnelSettings& settings) {
  settings.client.key = make_key(1);
  KeyQuota quota;
  quota.max_sessions = 1;
  quota.max_flows = 1;
  quota.max_rate = 8;
  settings.limits.named_keys = {NamedKey{"a", make_key(1), quota, false},
                                NamedKey{"b", make_key(2), {}, true}};
}

const ExitRow kHandshakes[] = {
    {"SizeAtServer", Drop::handshake_size, End::server,
     [](auto& t) { t.to_server(with_type(Packet(kHandshake1Bytes - 1), 1)); }},
    {"Size", Drop::handshake_size, End::client,
     [](auto& t) {
       t.start_unanswered();
       t.to_client(with_type(Packet(kMaxHandshakeBytes + 1), 2));
     },
     true},
    {"WithKeyAtServerWithout", Drop::handshake_key, End::server,
     [](auto& t) {
       HandshakeSettings settings;
       settings.key = make_key(1);
       t.to_server(handshake1(t, settings));
     }},
    {"WithADisabledKeyAtServer", Drop::handshake_disabled, End::server,
     [](auto& t) {
       HandshakeSettings settings;
       settings.key = make_key(2);
       t.to_server(handshake1(t, settings));
     },
     false, with_keyring},
    {"MacAtServer", Drop::handshake_mac, End::server,
     [](auto& t) { t.to_server(with_type(Packet(kHandshake1Bytes), 1)); }},
    {"Mac", Drop::handshake_mac, End::client,
     [](auto& t) {
       t.start_unanswered();
       t.to_client(last_flipped(t.sent(PacketType::handshake2, false)));
     },
     true},
    {"MacOfCookie", Drop::handshake_mac, End::client,
     [](auto& t) {
       t.start_unanswered();
       t.to_client(last_flipped(cookie_for(t.sent(PacketType::handshake1, true))));
     },
     true},
    {"SizeOfCookie", Drop::handshake_size, End::client,
     [](auto& t) {
       t.start_unanswered();
       Packet cookie = cookie_for(t.sent(PacketType::handshake1, true));
       cookie.push_back(0);
       t.to_client(cookie);
     },
     true},
    {"CookieAfterCookie", Drop::handshake_rate, End::client,
     [](auto& t) {
       t.start_unanswered();
       const Packet cookie = cookie_for(t.sent(PacketType::handshake1, true));
       t.to_client(cookie);
       t.count_from_here();
       t.to_client(cookie);
     },
     true},
    {"CookieForNoAttempt", Drop::handshake_stale, End::client,
     [](auto& t) { t.to_client(with_type(Packet(kHandshakeAroundBytes), 3)); }},
    {"Unproved", Drop::handshake_unproved, End::server,
     [](auto& t) {
       RawClient raw = t.raw();
       while (t.grown_at_server(Drop::handshake_unproved) == 0) ASSERT_TRUE(raw.shake(t.now));
     }},
    {"Replay", Drop::handshake_replay, End::server,
     [](auto& t) {
       const Packet recorded = handshake1(t, t.settings.server);
       t.to_server(recorded);
       t.advance(kPendingHandshakeLife + 2s);
       t.count_from_here();
       t.to_server(recorded);
     },
     false,
     [](auto& settings) {
       settings.client.key = make_key(1);
       settings.server.key = make_key(1);
     }},
    {"InvalidAtServer", Drop::handshake_invalid, End::server,
     [](auto& t) { t.to_server(with_mac(with_type(Packet(kHandshake1Bytes), 1))); }},
    {"Invalid", Drop::handshake_invalid, End::client,
     [](auto& t) {
       t.start_unanswered();
       t.to_client(with_mac(flipped(t.sent(PacketType::handshake2, false), kHandshakePrefixBytes)));
     },
     true},
    {"RateAtServer", Drop::handshake_rate, End::server,
     [](auto& t) {
       const Packet message = handshake1(t, {});
       for (int i = 0; i <= kRepeatBurst; ++i) t.to_server(message);
       t.count_from_here();
       t.to_server(message);
     }},
    {"RateInASession", Drop::handshake_rate, End::server,
     [](auto& t) {
       for (int i = 0; i <= kRenewalBurst; ++i) {
         t.count_from_here();
         t.to_server(control_to_server(t, frame_bytes({HandshakeFrame{handshake1(t, {})}})));
       }
     }},
    {"SizeInASession", Drop::handshake_size, End::server,
     [](auto& t) { t.to_server(control_to_server(t, frame_bytes({HandshakeFrame{bytes_of("short")}}))); }},
    {"StaleInASession", Drop::handshake_stale, End::client,
     [](auto& t) { t.to_client(control_to_client(t, frame_bytes({HandshakeFrame{bytes_of("short")}}))); }},
    {"Rate", Drop::handshake_rate, End::client,
     [](auto& t) {
       t.start_unanswered();
       const Packet forged = with_mac(flipped(t.sent(PacketType::handshake2, false), kHandshakePrefixBytes));
       for (int i = 0; i < kAnswersReadBurst; ++i) t.to_client(forged);
       t.count_from_here();
       t.to_client(forged);
     },
     true},
    {"StaleWhileNoneIsOpen", Drop::handshake_stale, End::client,
     [](auto& t) { t.to_client(with_type(Packet(200), 2)); }},
    {"StaleOfAnotherAttempt", Drop::handshake_stale, End::client,
     [](auto& t) {
       t.start_unanswered();
       t.to_client(flipped(t.sent(PacketType::handshake2, false), 3));
     },
     true},
    {"NoRoomForASessionOfThisNetwork", Drop::network_limit, End::server,
     [](auto& t) {
       EXPECT_TRUE(t.raw().join(4, 4, t.now));
       EXPECT_FALSE(t.raw().join(5, 5, t.now));
     },
     false, [](auto& settings) { settings.limits.max_sessions_of_network = 1; }},
    {"NoSessionMoreForAKey", Drop::key_sessions, End::server,
     [](auto& t) {
       RawClient raw(*t.server, t.server_random, raw_route(9), t.settings.client);
       EXPECT_FALSE(raw.join(4, 4, t.now));
     },
     false, with_keyring},
    {"NoRoomForASession", Drop::session_limit, End::server,
     [](auto& t) { EXPECT_FALSE(t.raw().connect(5, 5, t.now)); }, false,
     [](auto& settings) { settings.limits.max_sessions = 1; }},
};

const ExitRow kDatagrams[] = {
    {"NoRoomForAFlow", Drop::flow_limit, End::client, [](auto& t) { t.application_sends(2, "x"); }, false,
     [](auto& settings) { settings.max_flows = 1; }},
    {"NoRoomForAFlowAtServer", Drop::flow_limit, End::server, [](auto& t) { t.application_sends(2, "x"); },
     false, [](auto& settings) { settings.limits.max_flows = 1; }},
    {"NoTargetAtServer", Drop::no_target, End::server,
     [](auto& t) {
       t.start();
       t.count_from_here();
       t.application_sends(2, "x");
     },
     true, [](auto& settings) { settings.limits.has_target = false; }},
    {"NoFlowMoreForAKey", Drop::key_flows, End::server, [](auto& t) { t.application_sends(2, "x"); }, false,
     with_keyring},
    {"BeyondTheRateOfAKey", Drop::key_rate, End::server,
     [](auto& t) {
       for (int i = 0; i < 70 && t.grown_at_server(Drop::key_rate) == 0; ++i)
         t.application_sends(1, std::string(1000, 'x'));
     },
     false, with_keyring},
    {"BeyondTheRateOfAKeyToTheClient", Drop::key_rate, End::server,
     [](auto& t) {
       for (int i = 0; i < 70 && t.grown_at_server(Drop::key_rate) == 0; ++i)
         t.target_sends(t.flow, std::string(1000, 'x'));
     },
     false, with_keyring},
    {"FlowsOpenedTooFastAtServer", Drop::flow_rate, End::server,
     [](auto& t) {
       for (std::uint32_t id = 1; id <= kFlowsOpenedBurst + 1; ++id) {
         t.to_server(data_to_server(t, frame_bytes({FlowOpenFrame{FlowId{id}, id}})));
         t.to_server(control_to_server(t, frame_bytes({FlowCloseFrame{FlowId{id}}})));
       }
     }},
    {"NoRoomForAFlowAtServerInTheClear", Drop::flow_limit, End::server,
     [](auto& t) { t.application_sends(2, "x"); }, false,
     [](auto& settings) {
       in_the_clear(settings);
       settings.limits.max_flows = 1;
     }},
    {"OfAnUnknownFlow", Drop::flow_unknown, End::client,
     [](auto& t) {
       t.to_client(data_to_client(t, frame_bytes({DatagramFrame{FlowId{9}, {}}})));
     }},
    {"OfAnUnknownFlowAtServer", Drop::flow_unknown, End::server,
     [](auto& t) {
       t.to_server(data_to_server(t, frame_bytes({DatagramFrame{FlowId{9}, {}}})));
     }},
    {"ForAFlowThatEnded", Drop::flow_unknown, End::server,
     [](auto& t) { t.target_sends(FlowHandle{77}, "x"); }},
    {"OfASupersededProcess", Drop::superseded, End::server,
     [](auto& t) {
       const Packet packet = data_to_server(t, datagram());
       t.restart_client();
       t.count_from_here();
       t.to_server(packet);
     }},
    {"WithFlowOfASupersededProcess", Drop::superseded, End::server,
     [](auto& t) {
       const Packet packet = control_to_server(
           t, frame_bytes({FlowOpenFrame{FlowId{1}, 7}, DatagramFrame{FlowId{1}, bytes_of("x")}}));
       t.restart_client();
       t.count_from_here();
       t.to_server(packet);
     }},
    {"TooLarge", Drop::too_large, End::client,
     [](auto& t) { t.application_sends(1, std::string(kMaxPacketBytes + 1, 'x')); }},
    {"TooLargeAtServer", Drop::too_large, End::server,
     [](auto& t) { t.target_sends(t.flow, std::string(kMaxPacketBytes + 1, 'x')); }},
    {"OwnPacket", Drop::own_packet, End::client,
     [](auto& t) {
       t.start();
       const Packet own = t.sent(PacketType::control, true);
       t.application_sends(1, std::string(own.begin(), own.end()));
     },
     true},
    {"QueueFull", Drop::queue_full, End::client,
     [](auto& t) {
       for (std::size_t i = 0; i <= kQueueDatagrams; ++i) t.application_sends(1, "x");
     },
     true},
    {"QueueExpired", Drop::queue_expired, End::client,
     [](auto& t) {
       t.application_sends(1, "x");
       t.advance(kQueueLife);
     },
     true},
    {"QueueDelay", Drop::queue_delay, End::client,
     [](auto& t) {
       // More than the path is known to take, of which no ACK tells more, for longer than a queue may stand.
       t.arrives = [](const Wire& wire) { return wire.to_server; };
       for (int i = 0; i < 60 && t.client_drops(Drop::queue_delay) == 0; ++i) {
         for (int k = 0; k < 8; ++k) t.application_sends(1, std::string(1000, 'x'));
         t.advance(5ms);
       }
     },
     false,
     [](TunnelSettings& settings) {
       settings.paths = 1;
       settings.mode = SchedulerMode::aggregate;
     }},
    {"DelayOfAProgramThatStoodStill", Drop::delay_missed, End::client,
     [](auto& t) {
       // Not so long that the flow is opened again.
       t.advance(500ms);
       t.count_from_here();
       t.application_sends(1, "x");
       t.now += Duration(100ms) + kQueueLife + 1ms;
       t.advance(Duration{});
     },
     false,
     [](TunnelSettings& settings) {
       settings.paths = 2;
       settings.traits.resize(2);
       settings.traits[1].delay = 100ms;
     }},
    {"QueueExpiredAtServer", Drop::queue_expired, End::server,
     [](auto& t) {
       t.restart_client();
       t.count_from_here();
       t.target_sends(t.flow, "x");
       t.advance(kQueueLife + kQueueTick);
     }},
    {"QueueOfASessionThatEnds", Drop::queue_expired, End::server,
     [](auto& t) {
       t.restart_client();
       t.count_from_here();
       t.target_sends(t.flow, "x");
       t.to_server(control_to_server(t, frame_bytes({CloseFrame{}})));
     }},
    {"ToAClientThatIsSilent", Drop::no_path, End::server,
     [](auto& t) {
       // No short flow, which would end before.
       for (unsigned i = 0; i <= kShortFlowDatagrams; ++i) t.target_sends(t.flow, "x");
       t.arrives = [](const Wire& wire) { return !wire.to_server; };
       t.advance(kDormantAfter + kServerTick);
       t.count_from_here();
       t.target_sends(t.flow, "x");
     }},
    {"AnswerToAnAddressThatIsNoPath", Drop::no_path, End::server,
     [](auto& t) { t.to_server(control_to_server(t, frame_bytes({ClientHelloFrame{}})), raw_route(9)); }},
};

}  // namespace

std::vector<ExitRow> handshake_exits() {
  return {std::begin(kHandshakes), std::end(kHandshakes)};
}
std::vector<ExitRow> datagram_exits() {
  return {std::begin(kDatagrams), std::end(kDatagrams)};
}

}  // namespace mptunnel::test
