#include "support/probe/arrivals.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mptunnel::test {
namespace {

constexpr std::size_t kWordBits = 64;
constexpr std::size_t kMaxFlowsInReport = 32;

std::size_t words_for(std::uint64_t numbers) {
  return (numbers + kWordBits - 1) / kWordBits;
}

/// Milliseconds with three decimals.
double rounded_ms(Duration span) {
  return std::round(milliseconds(span) * 1e3) / 1e3;
}

}  // namespace

std::size_t FlowArrivals::growth_for(std::uint32_t number) const {
  const std::size_t needed = words_for(std::uint64_t{number} + 1);
  return needed > words_.size() ? needed - words_.size() : 0;
}

bool FlowArrivals::insert(std::uint32_t number) {
  if (growth_for(number) > 0) words_.resize(words_for(std::uint64_t{number} + 1));
  std::uint64_t& word = words_[number / kWordBits];
  const std::uint64_t bit = std::uint64_t{1} << number % kWordBits;
  if ((word & bit) != 0) {
    ++duplicates_;
    return false;
  }
  word |= bit;
  ++unique_;
  if (number < end_) ++reordered_;
  end_ = std::max(end_, std::uint64_t{number} + 1);
  return true;
}

std::uint64_t FlowArrivals::count_below(std::uint64_t limit) const {
  std::uint64_t count = 0;
  const std::size_t whole = std::min<std::uint64_t>(limit / kWordBits, words_.size());
  for (std::size_t i = 0; i < whole; ++i) count += static_cast<std::uint64_t>(std::popcount(words_[i]));
  if (whole < words_.size() && limit % kWordBits != 0) {
    const std::uint64_t mask = (std::uint64_t{1} << limit % kWordBits) - 1;
    count += static_cast<std::uint64_t>(std::popcount(words_[whole] & mask));
  }
  return count;
}

void GapTracker::begin(TimePoint now) {
  if (last_) return;
  last_ = now;
  longest_.begin = now;
}

void GapTracker::arrive(TimePoint now) {
  begin(now);
  longest_ = longest(now);
  last_ = std::max(*last_, now);
}

GapTracker::Gap GapTracker::longest(TimePoint until) const {
  if (!last_ || until - *last_ <= longest_.length) return longest_;
  return {.begin = *last_, .length = until - *last_};
}

ArrivalLog::Kind ArrivalLog::classify(ConstBytes datagram, std::optional<FlowKey> expected,
                                      ProbeHeader& header) {
  const auto decoded = decode_probe(datagram);
  if (!decoded) return decoded.error() == ProbeFault::too_short ? Kind::too_short : Kind::corrupted;
  header = *decoded;
  const FlowKey key{.run = header.run, .flow = header.flow};
  if (expected && *expected != key) return Kind::foreign;
  auto found = flows_.find(key);
  if (found == flows_.end()) {
    if (flows_.size() >= kMaxFlows) return Kind::untracked;
    found = flows_.try_emplace(key).first;
  }
  FlowArrivals& flow = found->second;
  const std::size_t growth = flow.growth_for(header.number);
  if (words_ + growth > kMaxWords) return Kind::untracked;
  words_ += growth;
  return flow.insert(header.number) ? Kind::fresh : Kind::duplicate;
}

ArrivalLog::Arrival ArrivalLog::record(ConstBytes datagram, std::optional<FlowKey> expected, TimePoint now) {
  Arrival arrival{};
  arrival.kind = classify(datagram, expected, arrival.header);
  ++received_;
  received_bytes_ += datagram.size();
  ++by_kind_[static_cast<std::size_t>(arrival.kind)];
  if (arrival.kind == Kind::fresh) {
    ++unique_;
    latency_.add(now - arrival.header.sent);
    gaps_.arrive(now);
  }
  return arrival;
}

const FlowArrivals* ArrivalLog::flow(const FlowKey& key) const {
  const auto found = flows_.find(key);
  return found == flows_.end() ? nullptr : &found->second;
}

std::uint64_t ArrivalLog::missing() const {
  std::uint64_t count = 0;
  for (const auto& [key, flow] : flows_) count += flow.end() - flow.unique();
  return count;
}

std::uint64_t ArrivalLog::reordered() const {
  std::uint64_t count = 0;
  for (const auto& [key, flow] : flows_) count += flow.reordered();
  return count;
}

nlohmann::ordered_json ArrivalLog::to_json(TimePoint start, TimePoint until) const {
  const GapTracker::Gap gap = gaps_.longest(until);
  const bool any_gap = gap.length > Duration{0};
  return {{"received", received_},
          {"received_bytes", received_bytes_},
          {"unique", unique_},
          {"duplicates", of(Kind::duplicate)},
          {"corrupted", of(Kind::corrupted)},
          {"foreign", of(Kind::foreign)},
          {"short_received", of(Kind::too_short)},
          {"untracked", of(Kind::untracked)},
          {"reordered", reordered()},
          {"latency_ms", latency_.to_json()},
          {"longest_gap_ms", rounded_ms(gap.length)},
          {"longest_gap_start_ms", any_gap ? rounded_ms(gap.begin - start) : 0.0},
          {"longest_gap_start_ns", any_gap ? gap.begin.time_since_epoch().count() : 0}};
}

nlohmann::ordered_json ArrivalLog::flows_to_json() const {
  auto result = nlohmann::ordered_json::array();
  for (const auto& [key, flow] : flows_) {
    if (result.size() == kMaxFlowsInReport) break;
    result.push_back({{"run", key.run},
                      {"flow", key.flow},
                      {"unique", flow.unique()},
                      {"duplicates", flow.duplicates()},
                      {"missing", flow.end() - flow.unique()},
                      {"reordered", flow.reordered()}});
  }
  return result;
}

}  // namespace mptunnel::test
