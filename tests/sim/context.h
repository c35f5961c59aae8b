// What everything in one simulated world shares.
#pragma once

#include "mptunnel/base/endpoint.h"
#include "sim/event_queue.h"
#include "sim/journal.h"
#include "sim/oracle.h"
#include "support/common/prng.h"

namespace mptunnel::sim {

/// Longer than a datagram waits in a queue, with a stalled program in between.
inline constexpr Duration kQueuedAtMost = 5s;

struct Context {
  Context(std::uint64_t seed, bool tracing)
      : journal(events, tracing), oracle(events, journal), random(seed), seed_(seed) {}

  EventQueue events;
  Journal journal;
  Oracle oracle;
  test::Prng random;
  /// Payloads are no smaller: kLabelBytes where datagrams are recovered, so that none is taken for another.
  std::size_t least_payload = 0;

  [[nodiscard]] TimePoint now() const { return events.now(); }
  ProcessNumber new_process() { return ++processes_; }
  /// Another stream of random numbers, for whoever needs one of its own.
  std::uint64_t new_seed() { return seed_ * 0x9e3779b97f4a7c15U + ++streams_; }
  bool chance(double percent) { return random.uniform() * 100 < percent; }
  /// Uniform between the two.
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<Duration::rep>(random.uniform() *
                                                       static_cast<double>((most - least).count())));
  }

 private:
  std::uint64_t seed_;
  ProcessNumber processes_ = 0;
  std::uint64_t streams_ = 0;
};

/// An IPv4 address in numbers.
inline Endpoint make_endpoint(std::uint32_t address, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = Family::ipv4;
  endpoint.port = port;
  for (std::size_t i = 0; i < 4; ++i)
    endpoint.address.at(i) = static_cast<std::uint8_t>(address >> 8U * (3 - i));
  return endpoint;
}

}  // namespace mptunnel::sim
