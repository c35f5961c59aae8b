// Packets of one session that come in fragments, by whatever paths: kept until they are whole or too old.
// Bounded in count, bytes and time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <tl/expected.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class FragmentAssembler {
 public:
  /// Takes a fragment that came under the key epoch with this index (ours). Returns the packet, header and
  /// all, if it is whole now. Errors: copy (all of it was there), bad_frame (it contradicts what came
  /// before).
  tl::expected<std::optional<std::vector<std::uint8_t>>, Drop> add(SessionIndex epoch,
                                                                   const FragmentFrame& fragment,
                                                                   TimePoint now);
  /// Forgets what is too old. Returns how many packets were given up since the last call, for age or for
  /// room: each is to be counted as Drop::fragment_expired.
  std::size_t expire(TimePoint now);
  [[nodiscard]] std::size_t packets() const { return parts_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// How many packets had to go for room, in all.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  using Key = std::tuple<SessionIndex, PacketType, PacketNumber>;
  using Range = std::pair<std::uint32_t, std::uint32_t>;  ///< first byte, and the one behind the last
  struct Part {
    std::vector<std::uint8_t> packet;
    std::vector<Range> have;  ///< in order, apart from each other
    std::uint64_t serial = 0;
  };
  struct Begun {
    Key key;
    std::uint64_t serial = 0;
    TimePoint until;
  };

  /// Whether any of it is new.
  static bool cover(std::vector<Range>& have, Range range);
  /// Forgets the oldest packet.
  bool drop_oldest();

  std::map<Key, Part> parts_;
  std::deque<Begun> begun_;  ///< in the order of time; packets that are whole or gone are skipped
  std::size_t bytes_ = 0;
  std::uint64_t next_serial_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t evicted_told_ = 0;  ///< of these, by expire()
};

}  // namespace mptunnel
