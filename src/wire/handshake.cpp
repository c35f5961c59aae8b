#include "mptunnel/wire/handshake.h"

#include <algorithm>

#include "mptunnel/base/cursor.h"

namespace mptunnel {
namespace {

enum class Field : std::uint8_t {
  padding = 0,
  versions = 1,
  ciphers = 2,
  frames = 3,
  server_index = 4,
  refusal = 5
};

constexpr std::size_t kFieldHeaderBytes = 3;

void put_field(std::vector<std::uint8_t>& out, Field field, ConstBytes value) {
  MPT_ASSERT(value.size() <= 0xffff);
  out.push_back(static_cast<std::uint8_t>(field));
  out.push_back(static_cast<std::uint8_t>(value.size() >> 8U));
  out.push_back(static_cast<std::uint8_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
}

bool read_field(Field field, ConstBytes value, HandshakePayload& payload) {
  ByteReader reader(value);
  switch (field) {
    case Field::versions:
      payload.versions.assign(value.begin(), value.end());
      return true;
    case Field::ciphers:
      payload.ciphers.clear();
      for (const std::uint8_t id : value) {
        if (id <= static_cast<std::uint8_t>(Cipher::chacha20_poly1305)) {
          payload.ciphers.push_back(static_cast<Cipher>(id));
        }
      }
      return true;
    case Field::frames:
      if (value.size() != 8) return false;
      payload.frames = *reader.u64();
      return true;
    case Field::server_index:
      if (value.size() != 3) return false;
      payload.server_index = SessionIndex{*reader.u24()};
      return true;
    case Field::refusal:
      if (value.size() != 1) return false;
      payload.refusal = static_cast<Refusal>(value.front());
      return true;
    case Field::padding:
      return true;
  }
  return true;
}

}  // namespace

const char* name_of(Cipher cipher) {
  switch (cipher) {
    case Cipher::none:
      return "none";
    case Cipher::aes_256_gcm:
      return "AES-256-GCM";
    case Cipher::chacha20_poly1305:
      return "ChaCha20-Poly1305";
  }
  return "unknown";
}

HandshakePrefixBytes encode_handshake_prefix(const HandshakePrefix& prefix) {
  HandshakePrefixBytes bytes{};
  encode_header({prefix.type, prefix.index, PacketNumber{0}}, bytes);
  ByteWriter writer(Bytes(bytes).subspan(kHeaderBytes));
  writer.bytes(prefix.salt);
  writer.bytes(prefix.key_name);
  writer.bytes(prefix.cookie);
  return bytes;
}

std::optional<HandshakePrefix> decode_handshake_prefix(ConstBytes packet) {
  if (packet.size() < kHandshakeAroundBytes) return std::nullopt;
  const auto header = decode_header(packet);
  if (!header || header->number.value != 0) return std::nullopt;
  if (header->type == PacketType::data || header->type == PacketType::control) return std::nullopt;
  HandshakePrefix prefix;
  prefix.type = header->type;
  prefix.index = header->index;
  ByteReader reader(packet.subspan(kHeaderBytes));
  const auto copy = [&reader](auto& field) {
    const ConstBytes source = *reader.bytes(field.size());
    std::copy(source.begin(), source.end(), field.begin());
  };
  copy(prefix.salt);
  copy(prefix.key_name);
  copy(prefix.cookie);
  return prefix;
}

HandshakePrefixBytes handshake_prologue(HandshakePrefix message1) {
  message1.cookie = {};
  return encode_handshake_prefix(message1);
}

std::vector<std::uint8_t> encode_handshake_payload(const HandshakePayload& payload, std::size_t at_least) {
  std::vector<std::uint8_t> out;
  put_field(out, Field::versions, payload.versions);
  std::vector<std::uint8_t> ciphers(payload.ciphers.size());
  std::transform(payload.ciphers.begin(), payload.ciphers.end(), ciphers.begin(),
                 [](Cipher cipher) { return static_cast<std::uint8_t>(cipher); });
  put_field(out, Field::ciphers, ciphers);
  std::array<std::uint8_t, 8> number{};
  ByteWriter(number).u64(payload.frames);
  put_field(out, Field::frames, number);
  if (payload.server_index) {
    ByteWriter(number).u24(payload.server_index->value);
    put_field(out, Field::server_index, ConstBytes(number).first(3));
  }
  if (payload.refusal != Refusal::none) {
    const auto refusal = static_cast<std::uint8_t>(payload.refusal);
    put_field(out, Field::refusal, {&refusal, 1});
  }
  if (out.size() + kFieldHeaderBytes <= at_least) {
    put_field(out, Field::padding, std::vector<std::uint8_t>(at_least - out.size() - kFieldHeaderBytes));
  }
  return out;
}

std::optional<HandshakePayload> decode_handshake_payload(ConstBytes bytes) {
  HandshakePayload payload;
  ByteReader reader(bytes);
  while (!reader.empty()) {
    const auto type = reader.u8();
    const auto length = reader.u16();
    if (!type || !length) return std::nullopt;
    const auto value = reader.bytes(*length);
    if (!value || !read_field(static_cast<Field>(*type), *value, payload)) return std::nullopt;
  }
  return payload;
}

}  // namespace mptunnel
