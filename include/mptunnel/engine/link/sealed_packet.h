// A sealed packet that is kept, to be sent later or again: the very bytes that went, or go, elsewhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

struct SealedPacket {
  TimePoint time;  ///< whoever keeps it says what of
  SessionIndex epoch;
  Marks marks;
  std::vector<std::uint8_t> bytes;

  /// What it counts in a QueueBudget.
  [[nodiscard]] std::size_t cost() const { return bytes.size() + kQueueRecordBytes; }
  /// Sends a copy by this path.
  void send(PathId path, Output& out, SessionHandle session) const {
    std::copy(bytes.begin(), bytes.end(), out.make_packet(bytes.size()).begin());
    out.send(bytes.size(), PathSet::of(path), session, epoch, marks, true);
  }
};

}  // namespace mptunnel
