#include "drop_exits.h"

namespace mptunnel::test {
namespace {

const ExitRow kPackets[] = {
    {"Truncated", Drop::truncated, End::client, [](auto& t) { t.to_client(Packet(7, 5)); }},
    {"Empty", Drop::truncated, End::server, [](auto& t) { t.to_server(Packet{}); }},
    {"ShortData", Drop::truncated, End::server,
     [](auto& t) {
       Packet packet = data_to_server(t, datagram());
       packet.resize(kHeaderBytes);
       t.to_server(packet);
     }},
    {"UnknownType", Drop::unknown_type, End::client, [](auto& t) { t.to_client(Packet(40, 0)); }},
    {"UnknownTypeAtServer", Drop::unknown_type, End::server, [](auto& t) { t.to_server(Packet(40, 6)); }},
    {"UnknownIndexOfData", Drop::unknown_index, End::client,
     [](auto& t) { t.to_client(flipped(data_to_client(t, datagram()), 2)); }},
    {"UnknownIndexOfControl", Drop::unknown_index, End::client,
     [](auto& t) { t.to_client(flipped(control_to_client(t, {0}), 2)); }},
    {"UnknownIndexOfDataAtServer", Drop::unknown_index, End::server,
     [](auto& t) { t.to_server(flipped(data_to_server(t, datagram()), 2)); }},
    {"UnknownIndexOfControlAtServer", Drop::unknown_index, End::server,
     [](auto& t) { t.to_server(flipped(control_to_server(t, {0}), 2)); }},
    {"Copy", Drop::copy, End::client,
     [](auto& t) {
       const Packet packet = data_to_client(t, datagram());
       t.to_client(packet);
       t.to_client(packet);
     }},
    {"CopyOfControl", Drop::copy, End::server,
     [](auto& t) {
       const Packet packet = control_to_server(t, {0});
       t.to_server(packet);
       t.to_server(packet);
     }},
    {"CopyOfClear", Drop::copy, End::server,
     [](auto& t) {
       const Packet packet = data_to_server(t, datagram());
       t.to_server(packet);
       t.to_server(packet);
     },
     false, in_the_clear},
    {"FragmentThatWasThere", Drop::copy, End::server,
     [](auto& t) {
       for (int i = 0; i < 2; ++i) t.to_server(control_to_server(t, beginning(5000)));
     }},
    {"FragmentOfAPacketThatCameWhole", Drop::copy, End::client,
     [](auto& t) {
       const Packet packet = data_to_client(t, datagram());
       t.to_client(packet);
       t.to_client(control_to_client(t, beginning(decode_header(packet)->number.value)));
     }},
    {"OpenFailed", Drop::open_failed, End::client,
     [](auto& t) { t.to_client(last_flipped(data_to_client(t, datagram()))); }},
    {"OpenFailedOfControl", Drop::open_failed, End::server,
     [](auto& t) { t.to_server(last_flipped(control_to_server(t, {0}))); }},
    {"OpenFailedOfFragments", Drop::open_failed, End::server,
     [](auto& t) {
       const Packet noise(40, 1);
       t.to_server(control_to_server(
           t, frame_bytes({FragmentFrame{PacketType::data, PacketNumber{5000}, 40, 0, noise}})));
     }},
    {"OpenFailedOfFirstControl", Drop::open_failed, End::server,
     [](auto& t) {
       RawClient raw = t.raw();
       ASSERT_TRUE(raw.shake(t.now));
       raw.send(last_flipped(raw.hello(5, 5, t.now)), t.now);
     }},
    {"NumberLimit", Drop::number_limit, End::client,
     [](auto& t) {
       Packet packet = data_to_client(t, datagram());
       packet[4] = 0x80;
       t.to_client(packet);
     }},
    {"KeyExpired", Drop::key_expired, End::server,
     [](auto& t) {
       const Packet packet = data_to_server(t, datagram());
       t.now += kRejectAfter;
       t.to_server(packet);
     }},
    {"KeyOfASessionThatHasANewerOne", Drop::key_expired, End::server,
     [](auto& t) {
       RawClient late = t.raw();
       RawClient fresh = t.raw();
       ASSERT_TRUE(late.shake(t.now));
       t.now += 1s;
       ASSERT_TRUE(fresh.connect(5, 5, t.now));
       late.send(late.hello(5, 5, t.now), t.now);
     }},
    {"ClearCheck", Drop::clear_check, End::client,
     [](auto& t) { t.to_client(flipped(data_to_client(t, datagram()), kHeaderBytes)); }, false, in_the_clear},
    {"ClearReach", Drop::clear_reach, End::server,
     [](auto& t) { t.to_server(flipped(data_to_server(t, datagram()), 4)); }, false, in_the_clear},
    {"BadFrame", Drop::bad_frame, End::client, [](auto& t) { t.to_client(data_to_client(t, {1})); }},
    {"BadFrameOfControl", Drop::bad_frame, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, {7, 0}));
     }},
    {"BadFrameAtServer", Drop::bad_frame, End::server, [](auto& t) { t.to_server(data_to_server(t, {1})); }},
    {"TooManyFrames", Drop::bad_frame, End::server,
     [](auto& t) {
       const std::vector<Frame> frames(kMaxFramesOfPacket + 1, FlowCloseFrame{FlowId{9}});
       t.to_server(control_to_server(t, frame_bytes(frames)));
     }},
    {"FragmentOfAnotherLength", Drop::bad_frame, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, beginning(5000, 100)));
       t.to_server(control_to_server(t, beginning(5000, 101)));
     }},
    {"UnknownFrame", Drop::unknown_frame, End::client,
     [](auto& t) { t.to_client(data_to_client(t, {0x3e})); }},
    {"UnknownFrameOfControl", Drop::unknown_frame, End::server,
     [](auto& t) { t.to_server(control_to_server(t, {0x3e})); }},
    {"ControlFrameInData", Drop::unexpected_frame, End::client,
     [](auto& t) { t.to_client(data_to_client(t, frame_bytes({CloseFrame{}}))); }},
    {"ControlFrameInDataAtServer", Drop::unexpected_frame, End::server,
     [](auto& t) { t.to_server(data_to_server(t, frame_bytes({CloseFrame{}}))); }},
    {"PingOfTheServer", Drop::unexpected_frame, End::client,
     [](auto& t) { t.to_client(control_to_client(t, frame_bytes({PingFrame{}}))); }},
    {"PongOfTheClient", Drop::unexpected_frame, End::server,
     [](auto& t) { t.to_server(control_to_server(t, frame_bytes({PongFrame{}}))); }},
    {"SecondFrameOfAKind", Drop::unexpected_frame, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, frame_bytes({ChallengeFrame{1}, ChallengeFrame{2}})));
     }},
    {"MtuProbeOfAnotherPath", Drop::unexpected_frame, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, frame_bytes({MtuProbeFrame{PathId{1}, 1000}})));
     }},
    {"MtuSeenOfAnotherPath", Drop::unexpected_frame, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, frame_bytes({MtuSeenFrame{PathId{1}, 1000}})));
     }},
    {"FirstControlWithoutHello", Drop::unexpected_frame, End::server,
     [](auto& t) {
       RawClient raw = t.raw();
       ASSERT_TRUE(raw.shake(t.now));
       raw.send(raw.ping(t.now), t.now);
     }},
    {"ControlInFragmentsWithoutDatagram", Drop::unexpected_frame, End::server,
     [](auto& t) {
       const Packet ping = control_to_server(t, frame_bytes({PingFrame{}}));
       const ConstBytes body = ConstBytes(ping).subspan(kHeaderBytes);
       const FragmentFrame all{PacketType::control, decode_header(ping)->number,
                               static_cast<std::uint32_t>(body.size()), 0, body};
       t.to_server(control_to_server(t, frame_bytes({all})));
     }},
    {"RepairInTheClear", Drop::unexpected_frame, End::server,
     [](auto& t) { t.to_server(control_to_server(t, repair_of_one(5000))); }, false, in_the_clear},
    {"RepairOfAClientThatHasProvedNothing", Drop::unexpected_frame, End::server,
     [](auto& t) {
       RawClient raw = t.raw();
       ASSERT_TRUE(raw.shake(t.now));
       const Packet coded{0, 9, 1, 2, 3};
       ClientHelloFrame hello;
       hello.identity.fill(5);
       hello.process = 5;
       raw.send(raw.control({hello, PingFrame{}, RepairFrame{PacketNumber{0}, 1, 0, coded}}, t.now), t.now);
     }},
    {"RepairThatCanNotBeTrue", Drop::repair_contradiction, End::client,
     [](auto& t) { t.to_client(control_to_client(t, repair_of_one(5000))); }},
    {"RepairThatCanNotBeTrueAtServer", Drop::repair_contradiction, End::server,
     [](auto& t) { t.to_server(control_to_server(t, repair_of_one(5000))); }},
    {"PongOfAPathThatThereIsNot", Drop::path_limit, End::client,
     [](auto& t) { t.to_client(control_to_client(t, report_of_path<PongFrame>(3))); }},
    {"PingOfPath32", Drop::path_limit, End::server,
     [](auto& t) { t.to_server(control_to_server(t, report_of_path<PingFrame>(32))); }},
    {"MtuSeenOfAPathThatThereIsNot", Drop::path_limit, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, frame_bytes({MtuSeenFrame{PathId{5}, 1000}})));
     }},
    {"DelayOfPath32", Drop::path_limit, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, frame_bytes({DelayFrame{PathId{32}, 100}})));
     }},
    {"NameOfPath32", Drop::path_limit, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, frame_bytes({NameFrame{PathId{32}, {}}})));
     }},
    {"SeenFromOfAPathThatThereIsNot", Drop::path_limit, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, frame_bytes({SeenFromFrame{PathId{3}, t.route(PathId{0}).remote}})));
     }},
    {"SecondNameOfAPath", Drop::unexpected_frame, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, frame_bytes({NameFrame{PathId{0}, {}}, NameFrame{PathId{1}, {}}})));
     }},
    {"NameOfTheServer", Drop::unexpected_frame, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, frame_bytes({NameFrame{PathId{0}, {}}})));
     }},
    {"MarkProbeOfAnotherPath", Drop::unexpected_frame, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, frame_bytes({MarkProbeFrame{PathId{1}, 7}})));
     }},
    {"MarkProbeOfAPathThatThereIsNot", Drop::path_limit, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, frame_bytes({MarkProbeFrame{PathId{5}, 7}})));
     }},
    {"FragmentExpired", Drop::fragment_expired, End::client,
     [](auto& t) {
       t.to_client(control_to_client(t, beginning(5000)));
       t.advance(kFragmentLife + kHousekeeping);
     }},
    {"FragmentEvicted", Drop::fragment_expired, End::server,
     [](auto& t) {
       for (std::uint32_t i = 0; i <= kFragmentedPackets; ++i)
         t.to_server(control_to_server(t, beginning(5000 + i)));
       t.advance(kServerTick);
     }},
    {"FragmentOfASessionThatEnds", Drop::fragment_expired, End::server,
     [](auto& t) {
       t.to_server(control_to_server(t, beginning(5000)));
       t.to_server(control_to_server(t, frame_bytes({CloseFrame{}})));
     }},
};

}  // namespace

std::vector<ExitRow> packet_exits() {
  return {std::begin(kPackets), std::end(kPackets)};
}

}  // namespace mptunnel::test
