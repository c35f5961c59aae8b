// What both ends count of one path, and what follows from it: loss each way, jitter, rates. Counters are of
// the session, whatever the keys; loss is the difference between what one end sent on the path and what the
// other got by it, never a gap in the packet numbers, which all paths share.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/arrival_log.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/path_report.h"

namespace mptunnel {

/// So many packets, and how many of them arrived: both counts from the same moment on the path.
struct Arrivals {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t recovered = 0;  ///< of these, which no copy brought, but REPAIR; known of a session alone

  Arrivals& operator+=(const Arrivals& other) {
    sent += other.sent;
    received += other.received;
    recovered += other.recovered;
    return *this;
  }
  /// A path that duplicates packets hides losses, and never shows less than none.
  [[nodiscard]] std::uint64_t lost() const { return sent > received ? sent - received : 0; }
  /// As a share of what was sent; nullopt if nothing was.
  [[nodiscard]] std::optional<double> loss() const {
    if (sent == 0) return std::nullopt;
    return static_cast<double>(lost()) / static_cast<double>(sent);
  }
  /// What the copies alone brought.
  [[nodiscard]] Arrivals before_repair() const { return {sent, received - std::min(received, recovered)}; }
};

/// The counters of one path. Plain state: the engines count, and hand over the reports.
struct PathTraffic {
  std::uint64_t sent = 0;  ///< packets that the kernel took
  std::uint64_t sent_bytes = 0;
  std::uint64_t unsent = 0;     ///< packets that did not leave: the queue was too long, or the kernel refused
  std::uint64_t held_back = 0;  ///< of these, that would have waited for too long, or found no room
  std::uint64_t received = 0;   ///< packets that came, copies included; genuine, as far as they were checked
  std::uint64_t received_bytes = 0;
  std::uint64_t first = 0;              ///< DATA that came by this path before any other
  std::uint64_t duplicates = 0;         ///< DATA that had come already
  std::uint64_t repair_sent_bytes = 0;  ///< of packets with REPAIR
  std::uint64_t repair_received_bytes = 0;
  bool voided = false;  ///< a forged copy was found: the counts after the last sample mean nothing

  Arrivals out;  ///< as the peer's last report says
  Arrivals in;   ///< of what the peer's last report says that it sent
  std::uint64_t peer_first = 0;
  std::uint64_t peer_duplicates = 0;
  Duration peer_jitter{};
  std::uint16_t peer_mtu = 0;
  bool peer_overrun = false;             ///< its sockets lose much of what comes, by whatever path
  std::shared_ptr<ArrivalLog> arrivals;  ///< while the peer wants to know more of what comes

  [[nodiscard]] Duration jitter() const { return jitter_; }

  void count_sent(std::uint64_t packets, std::uint64_t bytes) {
    sent += packets;
    sent_bytes += bytes;
  }
  void count_received(std::size_t bytes) {
    ++received;
    received_bytes += bytes;
  }
  /// The same of a DATA or CONTROL packet, which may have to be acknowledged.
  void count_received(const PacketHeader& header, std::size_t bytes, TimePoint now) {
    count_received(bytes);
    if (arrivals) arrivals->note(header, received, received_bytes, now);
  }
  /// A report of the peer, which came at `now`. Reports may overtake each other: the counts of the furthest
  /// one stay. Returns the round trip time that it shows; nullopt if it echoes none of ours.
  std::optional<Duration> on_report(const PathReport& report, TimePoint now);
  /// A report that came by another path: what it says of our packets on this one counts, its times and what
  /// was sent to us do not.
  void on_report_elsewhere(const PathReport& report) { take_counts_of_ours(report); }
  /// Fills in what this end says of the path: all counts and times, and the jitter.
  void fill_report(PathReport& report, TimePoint now) const;
  /// Adds what another object counted of this path. What reports said stays.
  void add_counts(const PathTraffic& other);

 private:
  void take_counts_of_ours(const PathReport& report);

  std::optional<std::uint32_t> last_time_;  ///< `time` of the newest report,
  TimePoint last_came_{};                   ///< and when it came
  Duration jitter_{};
};

using PathTable = std::array<PathTraffic, kMaxPaths>;

}  // namespace mptunnel
