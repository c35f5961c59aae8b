#include "support/probe/latency.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string_view>
#include <utility>

namespace mptunnel::test {
namespace {

/// Buckets per factor of two; below twice as many nanoseconds each bucket is one value.
constexpr unsigned kSubBits = 7;
constexpr std::uint64_t kExact = std::uint64_t{2} << kSubBits;
constexpr std::size_t kBuckets = (64 - kSubBits) << kSubBits;

std::size_t bucket_of(std::uint64_t value) {
  if (value < kExact) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
  return (std::size_t{shift} << kSubBits) + (value >> shift);
}

/// The middle of a bucket.
std::uint64_t value_of(std::size_t bucket) {
  if (bucket < kExact) return bucket;
  const unsigned shift = static_cast<unsigned>(bucket >> kSubBits) - 1;
  const std::uint64_t low = (std::uint64_t{bucket} - (std::uint64_t{shift} << kSubBits)) << shift;
  return low + (std::uint64_t{1} << shift) / 2;
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(kBuckets + kExact) {}

void LatencyHistogram::add(Duration latency) {
  const auto value = static_cast<std::uint64_t>(std::max<Duration::rep>(latency.count(), 0));
  ++buckets_[bucket_of(value)];
  ++count_;
  sum_ns_ += static_cast<double>(value);
  least_ = std::min(least_, value);
  greatest_ = std::max(greatest_, value);
}

Duration LatencyHistogram::percentile(double percent) const {
  if (count_ == 0) return Duration{0};
  const auto rank = static_cast<std::uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  if (rank <= 1) return Duration(static_cast<Duration::rep>(least_));
  if (rank >= count_) return Duration(static_cast<Duration::rep>(greatest_));
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (bucket < buckets_.size()) {
    seen += buckets_[bucket];
    if (seen >= rank) break;
    ++bucket;
  }
  return Duration(static_cast<Duration::rep>(std::clamp(value_of(bucket), least_, greatest_)));
}

nlohmann::ordered_json LatencyHistogram::to_json() const {
  constexpr std::array<std::pair<const char*, double>, 4> kPercentiles{
      {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}}};
  nlohmann::ordered_json result;
  const auto put = [&](const char* name, double nanoseconds) {
    if (count_ == 0) {
      result[name] = nullptr;
    } else {
      result[name] = std::round(nanoseconds / 1e3) / 1e3;
    }
  };
  put("min", static_cast<double>(least_));
  for (const auto& [name, percent] : kPercentiles)
    put(name, static_cast<double>(percentile(percent).count()));
  put("max", static_cast<double>(greatest_));
  put("mean", sum_ns_ / static_cast<double>(std::max<std::uint64_t>(count_, 1)));
  return result;
}

}  // namespace mptunnel::test
