// One key epoch of a session, with what is counted under it. The bytes are KeyEpoch's; that packets were
// counted for this session, path and key is this class's.
#pragma once

#include <memory>
#include <optional>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/path_report.h"

namespace mptunnel {

class LinkEpoch {
 public:
  /// `order` grows with each epoch of a session. `paths` counts for all epochs of it; an epoch that is not
  /// confirmed yet counts for itself.
  LinkEpoch(std::unique_ptr<KeyEpoch> keys, std::uint32_t order, std::shared_ptr<PathTable> paths)
      : keys_(std::move(keys)),
        index_(keys_ ? keys_->local_index() : SessionIndex{}),
        order_(order),
        paths_(std::move(paths)) {}

  [[nodiscard]] KeyEpoch& keys() { return *keys_; }
  [[nodiscard]] const KeyEpoch& keys() const { return *keys_; }
  [[nodiscard]] SessionIndex index() const { return index_; }
  [[nodiscard]] std::uint32_t order() const { return order_; }

  [[nodiscard]] PathTraffic& path(PathId id) { return (*paths_)[id.value]; }
  [[nodiscard]] const PathTraffic& path(PathId id) const { return (*paths_)[id.value]; }
  [[nodiscard]] const std::shared_ptr<PathTable>& paths() const { return paths_; }
  /// The epoch turns out to belong to a session: `session` counts for it from now on, and what it has counted
  /// so far is added to that.
  void join(std::shared_ptr<PathTable> session);

  /// How many of the peer's DATA packets under this key came, when the peer last reported how many it made.
  [[nodiscard]] const Arrivals& data_in() const { return data_in_; }
  /// How many of ours the peer reports to have got.
  [[nodiscard]] const Arrivals& data_out() const { return data_out_; }

  /// What this end says of a path in a PING or PONG; the caller adds what only it knows.
  [[nodiscard]] PathReport make_report(PathId path, std::uint32_t sequence, TimePoint now) const;
  /// The peer's report, whose path id is below kMaxPaths. Reports may overtake each other: the counts of the
  /// furthest one stay. Returns the round-trip time that it shows, nullopt if it echoes none of our reports.
  std::optional<Duration> on_report(const PathReport& report, TimePoint now);

 private:
  std::unique_ptr<KeyEpoch> keys_;
  SessionIndex index_;  ///< that of keys_: each packet is compared with it
  std::uint32_t order_;
  std::shared_ptr<PathTable> paths_;
  Arrivals data_in_;
  Arrivals data_out_;
};

}  // namespace mptunnel
