#include "mptunnel/session/fragment_assembler.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/wire/header.h"

namespace mptunnel {

tl::expected<std::optional<FragmentAssembler::Whole>, Drop> FragmentAssembler::add(
    SessionIndex epoch, const FragmentFrame& fragment, OuterEcn ecn, TimePoint now) {
  const Key key{epoch, fragment.type, fragment.number};
  auto known = by_key_.find(key);
  // A fragment may fill a gap in front of each part and behind the last.
  const std::size_t parts = known == by_key_.end() ? 0 : known->second->parts.size();
  make_all_room(fragment.bytes.size() + (2 + parts) * kFragmentRecordBytes);
  // What had to go for it may be this very packet.
  known = by_key_.find(key);
  const auto packet = known != by_key_.end() ? known->second : begin(key, fragment.total, now);
  if (packet->total != fragment.total) return tl::unexpected(Drop::bad_frame);
  if (!keep(*packet, fragment)) return tl::unexpected(Drop::copy);
  packet->ecn = joined_ecn(packet->ecn, ecn);
  if (packet->parts.size() > kFragmentParts) {
    forget(packet);
    return tl::unexpected(Drop::bad_frame);
  }
  if (packet->missing > 0) return std::nullopt;
  Whole whole{join(*packet), packet->ecn};
  encode_header({fragment.type, epoch, fragment.number}, whole.packet);
  forget(packet);
  return whole;
}

FragmentAssembler::Packets::iterator FragmentAssembler::begin(const Key& key, std::uint32_t total,
                                                              TimePoint now) {
  if (packets_.size() >= kFragmentedPackets) evict();
  Begun begun;
  begun.key = key;
  begun.total = begun.missing = total;
  begun.until = now + kFragmentLife;
  const auto packet = packets_.insert(packets_.end(), std::move(begun));
  by_key_.emplace(key, packet);
  take(packet->cost);
  return packet;
}

void FragmentAssembler::make_all_room(std::size_t bytes) {
  while (this->bytes() + bytes > kFragmentedBytes) evict();
  make_room(bytes);
}

bool FragmentAssembler::keep(Begun& packet, const FragmentFrame& fragment) {
  const std::uint32_t missing = packet.missing;
  const auto end = static_cast<std::uint32_t>(fragment.offset + fragment.bytes.size());
  std::uint32_t at = fragment.offset;
  // The first part that ends behind it; then gap by gap.
  auto next = std::find_if(packet.parts.begin(), packet.parts.end(),
                           [&](const Part& part) { return part.end() > at; });
  while (at < end) {
    const std::uint32_t until = next == packet.parts.end() ? end : std::min(end, next->offset);
    if (until > at) {
      const ConstBytes bytes = fragment.bytes.subspan(at - fragment.offset, until - at);
      next = packet.parts.insert(next, Part{at, {bytes.begin(), bytes.end()}});
      packet.missing -= until - at;
      charge(packet, bytes.size() + kFragmentRecordBytes);
    }
    at = std::max(until, next->end());
    ++next;
  }
  return packet.missing < missing;
}

std::vector<std::uint8_t> FragmentAssembler::join(const Begun& packet) {
  std::vector<std::uint8_t> whole(kHeaderBytes);
  whole.reserve(kHeaderBytes + packet.total);
  for (const Part& part : packet.parts) whole.insert(whole.end(), part.bytes.begin(), part.bytes.end());
  return whole;
}

void FragmentAssembler::charge(Begun& packet, std::size_t bytes) {
  packet.cost += bytes;
  take(bytes);
}

void FragmentAssembler::forget(Packets::iterator packet) {
  give_back(packet->cost);
  by_key_.erase(packet->key);
  packets_.erase(packet);
}

void FragmentAssembler::evict() {
  forget(packets_.begin());
  ++evicted_;
}

bool FragmentAssembler::yield() {
  if (packets_.empty()) return false;
  evict();
  return true;
}

std::size_t FragmentAssembler::expire(TimePoint now) {
  std::size_t gone = evicted_ - std::exchange(evicted_told_, evicted_);
  for (; !packets_.empty() && packets_.front().until <= now; ++gone) forget(packets_.begin());
  return gone;
}

}  // namespace mptunnel
