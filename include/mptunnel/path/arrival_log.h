// Which packets came by one path since it was last acknowledged, and when: what an ACK says. It keeps the
// last one and some of the others, evenly spread whatever their number. What it is not: a list of all; how
// many came is a count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/ack_frame.h"
#include "mptunnel/wire/header.h"

namespace mptunnel {

class ArrivalLog {
 public:
  /// A genuine packet came, DATA or CONTROL; with it, so many packets and bytes have come by the path in all.
  void note(const PacketHeader& header, std::uint64_t packets, std::uint64_t bytes, TimePoint now);
  /// How many came since the last take().
  [[nodiscard]] std::size_t pending() const { return pending_; }
  /// When the first of these came; kNever if none did.
  [[nodiscard]] TimePoint since() const { return since_; }
  /// What is to be said of those under this key, and begins anew; nullopt if none of them is known.
  std::optional<AckFrame> take(PathId path, SessionIndex epoch, TimePoint now);

 private:
  struct Arrival {
    PacketHeader header;
    std::uint32_t packets = 0;
    std::uint32_t bytes = 0;
    TimePoint time;
  };
  /// Beside the last one: more of them would say little more.
  static constexpr std::size_t kKept = 3;

  Arrival last_;
  std::array<Arrival, kKept> kept_;  ///< each stride_-th of the others
  std::size_t kept_count_ = 0;
  std::size_t stride_ = 1;
  std::size_t pending_ = 0;
  TimePoint since_ = kNever;
};

}  // namespace mptunnel
