#include "support/bridge/injector.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mptunnel::test {

tl::expected<Injector, std::string> Injector::create(const BridgeOptions& options, TimePoint start) {
  std::vector<Stream> streams;
  for (const Direction direction : kDirections) {
    const std::string& source = options.inject[static_cast<std::size_t>(direction)];
    if (source.empty()) continue;
    Stream stream{
        .direction = direction,
        .live = source == "live",
        .passing = {},
        .samples = {},
        .mutator = Mutator(options.inject_mutator, options.seed + static_cast<std::uint64_t>(direction)),
        .pacer = {}};
    if (options.inject_rate > 0) stream.pacer.emplace(options.inject_rate, start);
    const bool from_file = source != "live" && source != "none";
    if (from_file) {
      auto samples = read_sample_file(source);
      if (!samples) return tl::unexpected(samples.error());
      stream.samples = std::move(*samples);
    }
    if (needs_samples(options.inject_mutator.mutations) && !stream.live && stream.samples.empty()) {
      return tl::unexpected(fmt::format("truncate, flip and replay need samples, and '{}' has none", source));
    }
    streams.push_back(std::move(stream));
  }
  return Injector(std::move(streams));
}

void Injector::observe(Direction direction, ConstBytes datagram) {
  for (Stream& stream : streams_) {
    if (stream.live && stream.direction == direction) stream.passing.put(datagram);
  }
}

bool Injector::observes() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const Stream& stream) { return stream.live; });
}

void Injector::set_rate(double per_second, TimePoint now) {
  for (Stream& stream : streams_) {
    stream.pacer.reset();
    if (per_second > 0) stream.pacer.emplace(per_second, now);
  }
}

TimePoint Injector::next_deadline() const {
  TimePoint next = kNever;
  for (const Stream& stream : streams_) {
    if (stream.pacer) next = std::min(next, stream.pacer->next());
  }
  return next;
}

void Injector::on_time(Relay& relay, TimePoint now) {
  for (Stream& stream : streams_) {
    if (stream.pacer) inject(stream, relay, now);
  }
}

void Injector::inject(Stream& stream, Relay& relay, TimePoint now) {
  const std::size_t count = stream.pacer->take_due(now);
  const std::vector<Buffer>& samples = stream.live ? stream.passing.samples() : stream.samples;
  for (std::size_t i = 0; i < count; ++i) {
    if (stream.mutator.make(samples, burst_[i])) relay.inject(stream.direction, burst_[i]);
  }
  relay.flush_injected();
}

}  // namespace mptunnel::test
