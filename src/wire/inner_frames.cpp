#include "mptunnel/wire/inner_frames.h"

#include <algorithm>

#include "frame_fields.h"
#include "inner_entries.h"
#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

constexpr std::size_t octets_of(Family family) {
  return family == Family::ipv4 ? 4 : 16;
}

/// nullopt if it is cut short, or says what can't be.
std::optional<InnerEntry> read_entry(ByteReader& reader, InnerKind last, bool with_verdicts,
                                     bool& is_possible) {
  InnerEntry entry;
  const auto kind = reader.u8();
  const auto family = reader.u8();
  const auto length = reader.u8();
  if (!kind || !family || !length) return std::nullopt;
  entry.kind = static_cast<InnerKind>(*kind);
  entry.prefix.family = *family == kFamilyIpv4 ? Family::ipv4 : Family::ipv6;
  entry.prefix.length = *length;
  const std::size_t octets = octets_of(entry.prefix.family);
  is_possible = entry.kind >= InnerKind::address && entry.kind <= last &&
                (*family == kFamilyIpv4 || *family == kFamilyIpv6) && *length <= 8 * octets;
  if (!is_possible) return std::nullopt;
  const auto address = reader.bytes(octets);
  const auto verdict = with_verdicts ? reader.u8() : std::uint8_t{0};
  if (!address || !verdict) return std::nullopt;
  std::copy(address->begin(), address->end(), entry.prefix.octets.begin());
  entry.verdict = static_cast<InnerVerdict>(*verdict);
  return entry;
}

std::vector<InnerEntry> read_entries(ConstBytes bytes, InnerKind last, bool with_verdicts) {
  std::vector<InnerEntry> entries;
  ByteReader reader(bytes);
  bool is_possible = true;
  while (const auto entry = read_entry(reader, last, with_verdicts, is_possible)) entries.push_back(*entry);
  return entries;
}

}  // namespace

const char* name_of(InnerVerdict verdict) {
  switch (verdict) {
    case InnerVerdict::given:
      return "given";
    case InnerVerdict::taken:
      return "taken by another client";
    case InnerVerdict::not_allowed:
      return "not allowed";
    case InnerVerdict::no_room:
      return "no address is left";
    case InnerVerdict::no_device:
      return "mpserver has no device for it";
  }
  return "refused";
}

InnerEntriesSize measure_inner_entries(ConstBytes bytes, std::size_t count, bool with_verdicts) {
  InnerEntriesSize size;
  size.is_possible = count <= (with_verdicts ? kMaxInnerEntries : kMaxInnerWanted);
  ByteReader reader(bytes);
  const InnerKind last = with_verdicts ? InnerKind::server : InnerKind::network;
  for (std::size_t i = 0; i < count && size.is_possible && size.is_complete; ++i)
    size.is_complete = read_entry(reader, last, with_verdicts, size.is_possible).has_value();
  size.bytes = bytes.size() - reader.rest().size();
  return size;
}

std::vector<std::uint8_t> inner_entry_bytes(std::span<const InnerEntry> entries, bool with_verdicts) {
  MPT_ASSERT(entries.size() <= kMaxInnerEntries);
  std::vector<std::uint8_t> bytes(entries.size() * kMostInnerEntryBytes);
  ByteWriter writer(bytes);
  for (const InnerEntry& entry : entries) {
    const InnerPrefix& prefix = entry.prefix;
    writer.u8(static_cast<std::uint8_t>(entry.kind));
    writer.u8(prefix.family == Family::ipv4 ? kFamilyIpv4 : kFamilyIpv6);
    writer.u8(prefix.length);
    writer.bytes(ConstBytes(prefix.octets).first(octets_of(prefix.family)));
    if (with_verdicts) writer.u8(static_cast<std::uint8_t>(entry.verdict));
  }
  bytes.resize(writer.written());
  return bytes;
}

std::vector<InnerEntry> entries_of(const AddressesWantedFrame& frame) {
  return read_entries(frame.entries, InnerKind::network, false);
}

std::vector<InnerEntry> entries_of(const AddressesGivenFrame& frame) {
  return read_entries(frame.entries, InnerKind::server, true);
}

void encode_ip_prefix(const std::optional<InnerNumber>& number, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(number ? FrameType::ip_numbered : FrameType::ip));
  if (!number) return;
  out.u16(number->bucket);
  out.u16(number->number);
}

}  // namespace mptunnel
