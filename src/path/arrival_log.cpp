#include "mptunnel/path/arrival_log.h"

#include "mptunnel/path/wire_numbers.h"

namespace mptunnel {

void ArrivalLog::note(const PacketHeader& header, std::uint64_t packets, std::uint64_t bytes, TimePoint now) {
  if (pending_ == 0) since_ = now;
  if (pending_ > 0 && (pending_ - 1) % stride_ == 0) {
    if (kept_count_ == kKept) {
      // Each second of them stays.
      kept_count_ = 0;
      for (std::size_t i = 0; i < kKept; i += 2) kept_.at(kept_count_++) = kept_.at(i);
      stride_ *= 2;
    }
    if ((pending_ - 1) % stride_ == 0) kept_.at(kept_count_++) = last_;
  }
  last_ = {header, static_cast<std::uint32_t>(packets), static_cast<std::uint32_t>(bytes), now};
  ++pending_;
}

std::optional<AckFrame> ArrivalLog::take(PathId path, SessionIndex epoch, TimePoint now) {
  AckFrame ack;
  ack.path = path;
  ack.time = wire_time(now);
  const auto add = [&](const Arrival& arrival) {
    if (arrival.header.index != epoch) return;
    if (ack.count == 0) {
      ack.packets = arrival.packets;
      ack.bytes = arrival.bytes;
    }
    ack.samples.at(ack.count++) = {arrival.header.type, arrival.header.number,
                                   ack.time - wire_time(arrival.time)};
  };
  if (pending_ > 0) add(last_);
  for (std::size_t i = kept_count_; i > 0; --i) add(kept_.at(i - 1));
  *this = {};
  if (ack.count == 0) return std::nullopt;
  return ack;
}

}  // namespace mptunnel
