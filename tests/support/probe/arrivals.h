// What arrived: which numbers, how often, in what order, how late, and how long nothing came. It reads no
// clock.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"
#include "support/probe/latency.h"
#include "support/probe/packet.h"

namespace mptunnel::test {

struct FlowKey {
  std::uint32_t run = 0;
  std::uint16_t flow = 0;
  // clang-tidy 14 takes the 0 within a defaulted comparison for a null pointer.
  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;  // NOLINT(modernize-use-nullptr)
};

/// The numbers of one flow.
class FlowArrivals {
 public:
  /// Words that the set grows by so that it can hold `number`.
  [[nodiscard]] std::size_t growth_for(std::uint32_t number) const;
  /// False if it was there before.
  bool insert(std::uint32_t number);
  [[nodiscard]] std::uint64_t unique() const { return unique_; }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  /// Numbers that came first after a higher one had (RFC 4737's reordered packets).
  [[nodiscard]] std::uint64_t reordered() const { return reordered_; }
  /// One past the highest number.
  [[nodiscard]] std::uint64_t end() const { return end_; }
  /// How many different numbers below `limit` are there.
  [[nodiscard]] std::uint64_t count_below(std::uint64_t limit) const;

 private:
  std::vector<std::uint64_t> words_;
  std::uint64_t unique_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t end_ = 0;
};

/// The longest time without an arrival.
class GapTracker {
 public:
  struct Gap {
    TimePoint begin;
    Duration length{0};
  };

  /// From when on silence counts; later calls change nothing.
  void begin(TimePoint now);
  void arrive(TimePoint now);
  /// The longest gap, where silence counts until `until`.
  [[nodiscard]] Gap longest(TimePoint until) const;

 private:
  std::optional<TimePoint> last_;
  Gap longest_;
};

class ArrivalLog {
 public:
  static constexpr std::size_t kMaxFlows = 65536;
  static constexpr std::size_t kMaxWords = 1U << 25U;  ///< 64 numbers each, of all flows together

  enum class Kind : std::uint8_t {
    fresh,
    duplicate,
    foreign,    ///< intact, but of another run or flow
    corrupted,  ///< not as it was sent
    too_short,  ///< for a header: only counted
    untracked,  ///< intact, but beyond the limits above
  };
  struct Arrival {
    Kind kind;
    ProbeHeader header;  ///< unless corrupted or too short
  };

  /// Where `expected` is set, all others are foreign.
  Arrival record(ConstBytes datagram, std::optional<FlowKey> expected, TimePoint now);

  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint64_t unique() const { return unique_; }
  [[nodiscard]] std::uint64_t of(Kind kind) const { return by_kind_[static_cast<std::size_t>(kind)]; }
  /// Null for a flow of which nothing arrived.
  [[nodiscard]] const FlowArrivals* flow(const FlowKey& key) const;
  [[nodiscard]] std::size_t flow_count() const { return flows_.size(); }
  [[nodiscard]] GapTracker& gaps() { return gaps_; }

  /// Counters, latencies and the longest gap. Silence counts until `until`; times are relative to `start`.
  [[nodiscard]] nlohmann::ordered_json to_json(TimePoint start, TimePoint until) const;
  /// The first flows, each with its numbers.
  [[nodiscard]] nlohmann::ordered_json flows_to_json() const;
  /// Numbers below the highest of their flow that did not arrive.
  [[nodiscard]] std::uint64_t missing() const;

 private:
  Kind classify(ConstBytes datagram, std::optional<FlowKey> expected, ProbeHeader& header);
  [[nodiscard]] std::uint64_t reordered() const;

  std::map<FlowKey, FlowArrivals> flows_;
  std::size_t words_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t received_bytes_ = 0;
  std::uint64_t unique_ = 0;
  std::array<std::uint64_t, 6> by_kind_{};
  LatencyHistogram latency_;
  GapTracker gaps_;
};

}  // namespace mptunnel::test
