#include "support/probe/packet.h"

#include "mptunnel/base/cursor.h"
#include "support/common/prng.h"

namespace mptunnel::test {
namespace {

constexpr std::uint32_t kMagic = 0x6d707031;  // "mpp1"
constexpr std::size_t kChecksumAt = 4;
constexpr std::size_t kCheckedFrom = 8;

/// The bytes of a payload, 8 at a time.
class Payload {
 public:
  explicit Payload(const ProbeHeader& header)
      : state_((std::uint64_t{header.run} << 32U | header.number) ^ std::uint64_t{header.flow} << 48U) {}

  std::uint64_t next() { return split_mix64(state_); }

 private:
  std::uint64_t state_;
};

/// The first `count` (at most 8) bytes as a number whose lowest byte is the first. The loop becomes one load.
std::uint64_t load(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{bytes[i]} << 8U * i;
  return word;
}

void store(std::uint64_t word, std::uint8_t* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(word >> 8U * i);
}

std::uint32_t checksum_of(ConstBytes datagram) {
  // Each step is a bijection of the state, so a change within one word always changes the 64-bit result.
  constexpr std::uint64_t kMultiplier = 0x9fb21c651e98df25U;
  std::uint64_t state = datagram.size();
  const ConstBytes checked = datagram.subspan(kCheckedFrom);
  std::size_t at = 0;
  for (; at + 8 <= checked.size(); at += 8) {
    state = (state ^ load(checked.data() + at, 8)) * kMultiplier;
    state ^= state >> 32U;
  }
  state = (state ^ load(checked.data() + at, checked.size() - at)) * kMultiplier;
  return static_cast<std::uint32_t>(state ^ state >> 32U);
}

void fill_payload(const ProbeHeader& header, Bytes payload) {
  Payload words(header);
  std::size_t at = 0;
  for (; at + 8 <= payload.size(); at += 8) store(words.next(), payload.data() + at, 8);
  store(words.next(), payload.data() + at, payload.size() - at);
}

bool payload_matches(const ProbeHeader& header, ConstBytes payload) {
  Payload words(header);
  std::size_t at = 0;
  for (; at + 8 <= payload.size(); at += 8) {
    if (load(payload.data() + at, 8) != words.next()) return false;
  }
  const std::size_t tail = payload.size() - at;
  std::uint64_t expected = words.next();
  if (tail < 8) expected &= (std::uint64_t{1} << 8U * tail) - 1;
  return load(payload.data() + at, tail) == expected;
}

}  // namespace

void encode_probe(const ProbeHeader& header, Bytes out) {
  MPT_ASSERT(out.size() >= kProbeHeaderBytes && out.size() <= kMaxProbeBytes);
  ByteWriter writer(out);
  writer.u32(kMagic);
  writer.u32(0);
  writer.u32(header.run);
  writer.u16(header.flow);
  writer.u16(static_cast<std::uint16_t>(out.size()));
  writer.u32(header.number);
  writer.u64(static_cast<std::uint64_t>(header.sent.time_since_epoch().count()));
  fill_payload(header, out.subspan(kProbeHeaderBytes));
  ByteWriter(out.subspan(kChecksumAt)).u32(checksum_of(out));
}

tl::expected<ProbeHeader, ProbeFault> decode_probe(ConstBytes datagram) {
  if (datagram.size() < kProbeHeaderBytes) return tl::unexpected(ProbeFault::too_short);
  ByteReader reader(datagram);
  const auto magic = reader.u32();
  const auto checksum = reader.u32();
  ProbeHeader header;
  header.run = reader.u32().value_or(0);
  header.flow = reader.u16().value_or(0);
  const auto bytes = reader.u16();
  header.number = reader.u32().value_or(0);
  header.sent = TimePoint(Duration(static_cast<Duration::rep>(reader.u64().value_or(0))));
  if (magic != kMagic || bytes != datagram.size() || checksum != checksum_of(datagram) ||
      !payload_matches(header, reader.rest())) {
    return tl::unexpected(ProbeFault::corrupted);
  }
  return header;
}

}  // namespace mptunnel::test
