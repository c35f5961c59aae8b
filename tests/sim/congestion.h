// How much a TCP sender has under way: CUBIC (RFC 9438) and BBR (version 1, draft-cardwell-iccrg-bbr-00), as
// far as what a tunnel does to datagrams shows in them. Windows are in segments of one size.
#pragma once

#include <cstdint>
#include <memory>

#include "mptunnel/base/time.h"

namespace mptunnel::sim {

/// What one acknowledgement tells.
struct AckSample {
  std::uint64_t delivered = 0;  ///< segments that it acknowledges for the first time
  std::uint64_t total = 0;      ///< of all so far
  std::uint64_t prior = 0;      ///< of these, those acknowledged when the newest of them left
  double in_flight = 0;         ///< segments that are still under way
  double rate = 0;              ///< segments a second, from when that one left to now
  Duration rtt{};               ///< of the newest of them
  bool is_limited = false;      ///< by the window: there was more to send
};

class Congestion {
 public:
  virtual ~Congestion() = default;

  virtual void on_ack(const AckSample& ack, TimePoint now) = 0;
  /// A loss was found, the first of a round trip.
  virtual void on_loss(TimePoint now) = 0;
  /// Nothing was acknowledged for a retransmission timeout.
  virtual void on_timeout(TimePoint now) = 0;
  [[nodiscard]] virtual double window() const = 0;
  /// Segments a second; 0: as fast as the window lets them.
  [[nodiscard]] virtual double pacing_rate() const = 0;
};

std::unique_ptr<Congestion> make_cubic();
std::unique_ptr<Congestion> make_bbr();

/// The average window of CUBIC at this rate of losses and round-trip time (RFC 9438, figure 6), segments.
double cubic_average_window(double loss, Duration rtt);

}  // namespace mptunnel::sim
