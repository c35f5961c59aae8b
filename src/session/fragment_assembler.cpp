#include "mptunnel/session/fragment_assembler.h"

#include <algorithm>
#include <utility>

#include "mptunnel/wire/header.h"

namespace mptunnel {

tl::expected<std::optional<std::vector<std::uint8_t>>, Drop> FragmentAssembler::add(
    SessionIndex epoch, const FragmentFrame& fragment, TimePoint now) {
  const Key key{epoch, fragment.type, fragment.number};
  const std::size_t size = kHeaderBytes + fragment.total;
  auto found = parts_.find(key);
  if (found == parts_.end()) {
    while (parts_.size() >= kFragmentedPackets || bytes_ + size > kFragmentedBytes ||
           begun_.size() >= kFragmentedBegun) {
      if (drop_oldest()) ++evicted_;
    }
    found = parts_.emplace(key, Part{std::vector<std::uint8_t>(size), {}, next_serial_++}).first;
    bytes_ += size;
    begun_.push_back({key, found->second.serial, now + kFragmentLife});
  }
  Part& part = found->second;
  if (part.packet.size() != size) return tl::unexpected(Drop::bad_frame);
  const auto end = static_cast<std::uint32_t>(fragment.offset + fragment.bytes.size());
  if (!cover(part.have, {fragment.offset, end})) return tl::unexpected(Drop::copy);
  if (part.have.size() > kFragmentRanges) {
    bytes_ -= size;
    parts_.erase(found);
    return tl::unexpected(Drop::bad_frame);
  }
  std::copy(fragment.bytes.begin(), fragment.bytes.end(),
            part.packet.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes + fragment.offset));
  if (part.have.size() > 1 || part.have.front() != Range{0, fragment.total}) return std::nullopt;
  encode_header({fragment.type, epoch, fragment.number}, part.packet);
  std::vector<std::uint8_t> packet = std::move(part.packet);
  bytes_ -= size;
  parts_.erase(found);
  return packet;
}

bool FragmentAssembler::cover(std::vector<Range>& have, Range range) {
  // The first that ends at or behind the beginning of the new one, and the first that begins behind its end.
  const auto first =
      std::find_if(have.begin(), have.end(), [&](const Range& r) { return r.second >= range.first; });
  const auto last = std::find_if(first, have.end(), [&](const Range& r) { return r.first > range.second; });
  if (first != last && first->first <= range.first && first->second >= range.second) return false;
  if (first != last)
    range = {std::min(range.first, first->first), std::max(range.second, (last - 1)->second)};
  have.insert(have.erase(first, last), range);
  return true;
}

bool FragmentAssembler::drop_oldest() {
  const Begun oldest = begun_.front();
  begun_.pop_front();
  const auto found = parts_.find(oldest.key);
  if (found == parts_.end() || found->second.serial != oldest.serial) return false;
  bytes_ -= found->second.packet.size();
  parts_.erase(found);
  return true;
}

std::size_t FragmentAssembler::expire(TimePoint now) {
  std::size_t gone = evicted_ - std::exchange(evicted_told_, evicted_);
  while (!begun_.empty() && begun_.front().until <= now) gone += drop_oldest() ? 1 : 0;
  return gone;
}

}  // namespace mptunnel
