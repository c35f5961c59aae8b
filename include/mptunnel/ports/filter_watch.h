// Finds that the kernel drops what comes in because of reverse path filtering (rp_filter). mpserver never
// sees such packets; only a counter of the host, or of its network namespace, tells of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "mptunnel/ports/port_context.h"

namespace mptunnel {

/// TcpExt: IPReversePathFilter in `netstat`, the text of /proc/net/netstat; nullopt if it has none.
std::optional<std::uint64_t> filtered_packets_in(const std::string& netstat);
/// What makes the filter strict: "net.ipv4.conf.eth1.rp_filter", up to three of them;
/// "net.ipv4.conf.*.rp_filter" if none does.
std::string strict_filter_settings();

class FilterWatch {
 public:
  /// How often the counter is read.
  static constexpr Duration kInterval = std::chrono::seconds{2};
  /// For how long after the last packet it is a problem; lines are this far apart at least.
  static constexpr Duration kProblemFor = std::chrono::minutes{1};

  using ReadCount = std::function<std::optional<std::uint64_t>()>;
  /// `clock` outlives this. `read` gives the packets that were dropped so far.
  explicit FilterWatch(Clock& clock, ReadCount read = read_system);

  /// In words, with what to do; empty if nothing was dropped lately.
  [[nodiscard]] std::string problem() const;

 private:
  static std::optional<std::uint64_t> read_system();
  void check();
  [[nodiscard]] std::string words(std::uint64_t packets) const;

  Clock& clock_;
  ReadCount read_;
  std::unique_ptr<Alarm> alarm_;
  std::optional<std::uint64_t> last_;  ///< at the last look; nullopt if it can't be read
  std::uint64_t since_line_ = 0;       ///< packets
  std::uint64_t in_problem_ = 0;       ///< packets since all was well
  std::optional<TimePoint> last_line_;
  std::optional<TimePoint> last_drop_;
};

}  // namespace mptunnel
