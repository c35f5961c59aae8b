#include "mptunnel/path/delivery_meter.h"

#include <algorithm>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/partition_index.h"
#include "mptunnel/path/wire_numbers.h"

namespace mptunnel {

void SentLog::add(const SentRun& run, std::uint64_t packets_before, std::uint64_t bytes_before,
                  TimePoint left) {
  MPT_ASSERT(run.count > 0);
  if (!runs_.empty()) {
    const SentRun& newest = at(runs_.size() - 1).run;
    if (key_of(run.order, run.first.value) < key_of(newest.order, newest.first.value) + newest.count) return;
  }
  const Entry entry{run, packets_before, bytes_before, left};
  if (runs_.size() < kRuns) {
    runs_.push_back(entry);
  } else {
    runs_[oldest_] = entry;
    oldest_ = (oldest_ + 1) % kRuns;
  }
}

std::optional<SentLog::Left> SentLog::find(std::uint32_t order, PacketNumber number) const {
  // The last one that begins no later.
  const std::size_t first = partition_index(runs_.size(), [&](std::size_t index) {
    const SentRun& run = at(index).run;
    return key_of(run.order, run.first.value) <= key_of(order, number.value);
  });
  if (first == 0) return std::nullopt;
  const Entry& entry = at(first - 1);
  const std::uint32_t index = number.value - entry.run.first.value;
  if (entry.run.order != order || index >= entry.run.count) return std::nullopt;
  const std::uint64_t bytes =
      index * entry.run.stride + (index + 1 == entry.run.count ? entry.run.tail : entry.run.stride);
  return Left{entry.left, entry.packets + index + 1, entry.bytes + bytes};
}

void DeliveryMeter::on_sent(const SentRun& run, std::uint64_t packets_before, std::uint64_t bytes_before,
                            TimePoint now) {
  (run.type == PacketType::data ? data_ : control_).add(run, packets_before, bytes_before, now);
  sent_bytes_ = bytes_before + (run.count - 1) * run.stride + run.tail;
}

std::optional<DeliveryReport> DeliveryMeter::on_ack(const AckFrame& ack, std::uint32_t order, TimePoint now) {
  const AckSample& newest = ack.samples.front();
  const auto left = log_of(newest.type).find(order, newest.number);
  if (!left || left->at > now) return std::nullopt;
  const std::uint64_t made = widen(ack.time, last_ ? last_->time : ack.time);
  const auto arrived_at = [&](const AckSample& sample) {
    return made - std::min<std::uint64_t>(made, sample.age);
  };
  const Seen seen{arrived_at(newest), widen(ack.packets, last_ ? last_->packets : ack.packets),
                  widen(ack.bytes, last_ ? last_->bytes : ack.bytes), *left};
  const std::optional<Seen> before = last_;
  const bool goes_on =
      !before || (seen.packets > before->packets && seen.left.packets > before->left.packets);
  if (!goes_on) return std::nullopt;
  last_ = seen;
  if (!before) return std::nullopt;
  const auto since_zero = [](std::uint64_t time) { return Duration(std::chrono::microseconds(time)); };
  DeliveryReport report;
  report.arrived = since_zero(seen.time);
  report.received = seen.bytes;
  report.left = left->at;
  report.sent = left->bytes;
  report.sent_by_now = std::max(sent_bytes_, left->bytes);
  report.rtt = std::max(Duration{}, now - left->at - from_microseconds(newest.age));
  report.least_delay = Duration::max();
  for (const AckSample& sample : ack.sampled()) {
    if (const auto own = log_of(sample.type).find(order, sample.number)) {
      const Duration delay = since_zero(arrived_at(sample)) - own->at.time_since_epoch();
      report.least_delay = std::min(report.least_delay, delay);
    }
  }
  const std::uint64_t sent = seen.left.bytes - before->left.bytes;
  report.acknowledged = std::min(sent, seen.bytes - std::min(seen.bytes, before->bytes));
  report.lost = sent - report.acknowledged;
  return report;
}

}  // namespace mptunnel
