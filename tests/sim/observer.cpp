#include "sim/observer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "mptunnel/base/assert.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel::sim {
namespace {

constexpr std::size_t kSecretsKept = 4;
/// Datagrams of one call that all travel in fragments only.
constexpr std::uint32_t kMostLeftOut = 1000;

/// Gives away one secret that is known already.
class KnownSecret final : public RandomSource {
 public:
  explicit KnownSecret(const SecretKey& secret) : secret_(secret) {}
  void fill(Bytes out) override {
    MPT_ASSERT(out.size() == secret_.bytes.size());
    std::copy(secret_.bytes.begin(), secret_.bytes.end(), out.begin());
  }

 private:
  const SecretKey& secret_;
};

std::size_t slot_of(Side side) {
  return side == Side::client ? 0 : 1;
}

struct FrameText {
  std::string operator()(const DatagramFrame& f) const {
    const std::string number = f.number ? fmt::format(" number {}", *f.number) : "";
    return fmt::format("DATAGRAM flow {}{} {} bytes", f.flow.value, number, f.payload.size());
  }
  std::string operator()(const FlowOpenFrame& f) const {
    return fmt::format("FLOW_OPEN {} {:016x}", f.flow.value, f.hash);
  }
  std::string operator()(const FlowOpenedFrame& f) const {
    return fmt::format("FLOW_OPENED {}", f.flow.value);
  }
  std::string operator()(const FlowCloseFrame& f) const { return fmt::format("FLOW_CLOSE {}", f.flow.value); }
  std::string operator()(const PingFrame& f) const { return "PING" + report(f.report); }
  std::string operator()(const PongFrame& f) const { return "PONG" + report(f.report); }
  std::string operator()(const ChallengeFrame& f) const { return fmt::format("CHALLENGE {:016x}", f.token); }
  std::string operator()(const EchoFrame& f) const { return fmt::format("ECHO {:016x}", f.token); }
  std::string operator()(const CloseFrame& f) const { return fmt::format("CLOSE: {}", name_of(f.reason)); }
  std::string operator()(const ClientHelloFrame& f) const {
    return fmt::format("CLIENT_HELLO {:x}", f.process);
  }
  std::string operator()(const ServerHelloFrame& f) const {
    return f.resumed ? "SERVER_HELLO resumed" : "SERVER_HELLO new";
  }

  std::string operator()(const FragmentFrame& f) const {
    return fmt::format("FRAGMENT of {} {}: {} bytes at {} of {}",
                       f.type == PacketType::data ? "DATA" : "CONTROL", f.number.value, f.bytes.size(),
                       f.offset, f.total);
  }
  std::string operator()(const MtuProbeFrame& f) const {
    return fmt::format("MTU_PROBE path {} {} bytes", f.path.value, f.size);
  }
  std::string operator()(const MtuSeenFrame& f) const {
    return fmt::format("MTU_SEEN path {} {} bytes", f.path.value, f.size);
  }

  std::string operator()(const HandshakeFrame& f) const {
    return fmt::format("HANDSHAKE of {} bytes", f.packet.size());
  }

  std::string operator()(const NameFrame& f) const {
    return fmt::format("NAME of {} in {} bytes", f.path.value, f.text.size());
  }
  std::string operator()(const SeenFromFrame& f) const {
    return fmt::format("SEEN_FROM path {} {}", f.path.value, f.address.to_string());
  }

  std::string operator()(const MarkProbeFrame& f) const {
    return fmt::format("MARK_PROBE path {} #{}", f.path.value, f.sequence);
  }
  std::string operator()(const RepairFrame& f) const {
    return fmt::format("REPAIR of {} from {} on: {} bytes", f.count, f.first.value, f.symbol.size());
  }
  std::string operator()(const RepairReportFrame& f) const {
    return fmt::format("REPAIR_REPORT: {} recovered, {} lost of {}", f.recovered, f.lost, f.of);
  }
  std::string operator()(const AckFrame& f) const {
    return fmt::format("ACK path {}: {} packets", f.path.value, f.packets);
  }
  std::string operator()(const AckWantedFrame& f) const {
    return fmt::format("ACK_WANTED each {} ms, {} packets", f.interval, f.packets);
  }
  std::string operator()(const MarkSeenFrame& f) const {
    return fmt::format("MARK_SEEN path {} #{}", f.path.value, f.sequence);
  }
  std::string operator()(const EpochCountsFrame& f) const {
    return fmt::format("EPOCH_COUNTS of {} sealed {} opened {} recovered {}", f.index.value, f.sealed,
                       f.opened, f.recovered);
  }
  std::string operator()(const DelayFrame& f) const {
    return fmt::format("DELAY path {} {} ms", f.path.value, f.milliseconds);
  }

  std::string operator()(const IpFrame& f) const {
    const std::string number =
        f.number ? fmt::format(" bucket {} number {}", f.number->bucket, f.number->number) : "";
    return fmt::format("IP{} {} bytes", number, f.packet.size());
  }
  std::string operator()(const AddressesWantedFrame& f) const {
    return fmt::format("ADDRESSES_WANTED #{}: {}", f.sequence, f.count);
  }
  std::string operator()(const AddressesGivenFrame& f) const {
    return fmt::format("ADDRESSES_GIVEN #{}: {}", f.sequence, f.count);
  }

  static std::string report(const PathReport& r) {
    return fmt::format(" path {} #{} flags {} interval {} mtu {} sent {} received {} of {} data {}",
                       r.path.value, r.sequence, r.flags, r.interval, r.mtu, r.sent, r.received, r.of,
                       r.data_sealed);
  }
};

}  // namespace

void RecordingRandom::fill(Bytes out) {
  inner_.fill(out);
  if (out.size() != kKeyBytes) return;
  SecretKey& secret = secrets_.emplace_back();
  std::copy(out.begin(), out.end(), secret.bytes.begin());
  if (secrets_.size() > kSecretsKept) secrets_.pop_front();
}

std::optional<SecretKey> RecordingRandom::private_key_of(ConstBytes public_key) const {
  for (auto secret = secrets_.rbegin(); secret != secrets_.rend(); ++secret) {
    const auto candidate = x25519_public(*secret);
    if (std::equal(candidate.begin(), candidate.end(), public_key.begin(), public_key.end())) return *secret;
  }
  return std::nullopt;
}

bool Observer::on_handshake1(ProcessNumber client, const ClientIdentity& identity, ConstBytes message,
                             const RecordingRandom& random, const std::optional<SecretKey>& key) {
  const auto prefix = decode_handshake_prefix(message);
  if (!prefix || prefix->type != PacketType::handshake1 || message.size() != kHandshake1Bytes) return false;
  const auto known = attempts_.find(prefix->salt);
  if (known != attempts_.end()) {
    // A repeat is the same, byte for byte, save that it may have another cookie.
    const ConstBytes first = noise_message_in(known->second.message);
    const ConstBytes again = noise_message_in(message);
    return handshake_prologue(*prefix) == handshake_prologue(known->second.prefix) &&
           std::equal(again.begin(), again.end(), first.begin(), first.end());
  }
  const auto secret = random.private_key_of(message.subspan(kHandshakePrefixBytes, kKeyBytes));
  if (!secret) return false;
  attempts_.emplace(prefix->salt,
                    Attempt{client, identity, *prefix, {message.begin(), message.end()}, *secret, key});
  return true;
}

std::pair<bool, std::shared_ptr<Epoch>> Observer::on_handshake2(ProcessNumber server, ConstBytes message,
                                                                TimePoint now) {
  const auto prefix = decode_handshake_prefix(message);
  if (!prefix || prefix->type != PacketType::handshake2) return {false, nullptr};
  const auto found = attempts_.find(prefix->salt);
  if (found == attempts_.end()) return {false, nullptr};
  if (!answers_.emplace(message.begin(), message.end()).second) return {true, nullptr};

  const Attempt& attempt = found->second;
  const auto prologue = handshake_prologue(attempt.prefix);
  const SecretKey* key = attempt.key ? &*attempt.key : nullptr;
  KnownSecret random(attempt.secret);
  NoiseHandshake reader(NoiseHandshake::Role::responder, prologue, key, random);
  const auto offer = reader.read_message(noise_message_in(attempt.message));
  if (!offer) return {false, nullptr};
  NoiseHandshake noise(NoiseHandshake::Role::initiator, prologue, key, random);
  if (!noise.write_message(*offer)) return {false, nullptr};
  const auto answer = noise.read_message(noise_message_in(message));
  if (!answer) return {false, nullptr};
  const auto payload = decode_handshake_payload(*answer);
  if (!payload) return {false, nullptr};
  if (payload->refusal != Refusal::none) return {true, nullptr};
  if (!payload->server_index || payload->ciphers.size() != 1) return {false, nullptr};

  const Cipher cipher = payload->ciphers.front();
  const NoiseSplit split = noise.split();
  auto epoch = std::make_shared<Epoch>(derive_traffic_keys(split, kProtocolVersion, cipher, Role::client),
                                       derive_traffic_keys(split, kProtocolVersion, cipher, Role::server));
  epoch->client = attempt.client;
  epoch->server = server;
  epoch->client_index = attempt.prefix.index;
  epoch->server_index = *payload->server_index;
  epoch->identity = attempt.identity;
  epoch->answered = now;
  epochs_.push_back(epoch);
  by_sender_[{attempt.client, epoch->server_index}].push_back(epoch);
  by_sender_[{server, epoch->client_index}].push_back(epoch);
  return {true, epoch};
}

bool Observer::open(Packet& packet, Epoch& epoch) {
  const bool is_data = packet.type == PacketType::data;
  TrafficKeys& keys = packet.sender == Side::client ? epoch.as_server : epoch.as_client;
  const ConstBytes all(packet.bytes);
  if (is_data && epoch.is_clear()) {
    if (!epoch.accepted || all.size() < kHeaderBytes + kClearCheckBytes) return false;
    packet.plain.assign(all.begin() + kHeaderBytes + kClearCheckBytes, all.end());
    return true;
  }
  if (all.size() < kHeaderBytes + kTagBytes) return false;
  packet.plain.assign(all.begin() + kHeaderBytes, all.end());
  Aead& key = is_data ? *keys.data_open : keys.control_open;
  if (!key.open(packet_nonce(PacketNumber{packet.number}), all.first(kHeaderBytes), packet.plain))
    return false;
  packet.plain.resize(packet.plain.size() - kTagBytes);
  return true;
}

std::optional<std::string> Observer::read(Packet& packet) {
  const auto header = decode_header(packet.bytes);
  if (!header) return "a packet without a header";
  packet.type = header->type;
  packet.number = header->number.value;
  const auto& candidates = by_sender_[{packet.process, header->index}];
  if (candidates.empty()) return "a packet for an unknown key epoch";
  const auto opened = std::find_if(candidates.rbegin(), candidates.rend(),
                                   [&](const std::shared_ptr<Epoch>& epoch) { return open(packet, *epoch); });
  if (opened == candidates.rend()) return "a packet that does not open";
  packet.epoch = *opened;
  Epoch& epoch = *packet.epoch;

  const bool is_data = packet.type == PacketType::data;
  auto& highest = epoch.highest.at(slot_of(packet.sender)).at(is_data ? 0 : 1);
  auto& left_out = epoch.left_out.at(slot_of(packet.sender)).at(is_data ? 0 : 1);
  const std::uint32_t expected = highest ? *highest + 1 : 0;
  if (packet.number < expected) {
    if (left_out.erase(packet.number) == 0) return "a packet number is used again";
  } else {
    const std::uint32_t between = packet.number - expected;
    if (between > kMostLeftOut && !epoch.numbers_may_jump) return "too many numbers are left out";
    for (std::uint32_t i = std::min(between, kMostLeftOut); i > 0; --i) left_out.insert(packet.number - i);
    highest = packet.number;
  }

  FrameReader reader(packet.plain);
  while (const auto frame = reader.next()) packet.frames.push_back(*frame);
  if (reader.error() != FrameError::none) return "a packet with a frame that can't be read";
  return std::nullopt;
}

std::size_t Observer::left_out() const {
  std::size_t count = 0;
  for (const auto& epoch : epochs_) {
    if (epoch->numbers_may_jump) continue;
    // A CONTROL number may be left out: a packet that could not be sent anywhere.
    for (const auto& of_sender : epoch->left_out) count += of_sender[0].size();
  }
  return count;
}

std::string describe(const Packet& packet) {
  if (packet.type == PacketType::handshake1) return "HANDSHAKE 1";
  if (packet.type == PacketType::handshake2) return "HANDSHAKE 2";
  if (packet.type == PacketType::cookie) return "COOKIE";
  if (!packet.epoch) return fmt::format("{} bytes of nothing", packet.bytes.size());
  std::string text = fmt::format(
      "{} {:06x}/{}", packet.type == PacketType::data ? "DATA" : "CONTROL",
      (packet.sender == Side::client ? packet.epoch->server_index : packet.epoch->client_index).value,
      packet.number);
  for (const Frame& frame : packet.frames) text += ", " + std::visit(FrameText{}, frame);
  return text;
}

}  // namespace mptunnel::sim
