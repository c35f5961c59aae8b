// Garbage in between: a paced stream of mutated samples that the relay sends as if it came from the network.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "support/bridge/relay.h"
#include "support/common/mutator.h"
#include "support/common/pacer.h"

namespace mptunnel::test {

class Injector {
 public:
  /// Reads the sample files that `options` name. The error says which can't be read, or what the modes lack.
  static tl::expected<Injector, std::string> create(const BridgeOptions& options, TimePoint start);

  /// For "live" samples: to be called for each datagram that passes.
  void observe(Direction direction, ConstBytes datagram);
  [[nodiscard]] bool observes() const;
  /// Of each direction; 0 pauses.
  void set_rate(double per_second, TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  void on_time(Relay& relay, TimePoint now);

 private:
  struct Stream {
    Direction direction;
    bool live = false;
    SampleRing passing;
    std::vector<Buffer> samples;
    Mutator mutator;
    std::optional<Pacer> pacer;  ///< unset: paused
  };

  explicit Injector(std::vector<Stream> streams) : streams_(std::move(streams)) {}
  void inject(Stream& stream, Relay& relay, TimePoint now);

  std::vector<Stream> streams_;
  std::array<Buffer, Pacer::kMaxBurst> burst_;
};

}  // namespace mptunnel::test
