// TUN devices at both ends: each client sends to the server's device, which answers; some say that they are
// another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/world.h"

namespace mptunnel::sim {

struct InnerTrafficOptions {
  Duration interval = 20ms;
  std::size_t min_bytes = 20;  ///< of UDP payload
  std::size_t max_bytes = 1200;
  double forged_percent = 10;
  Ecn ecn = Ecn::not_ect;
};

class InnerTraffic {
 public:
  /// `world` outlives it, and has all its clients. Packets of one client are of one inner flow.
  InnerTraffic(World& world, const InnerTrafficOptions& options);
  InnerTraffic(const InnerTraffic&) = delete;
  InnerTraffic& operator=(const InnerTraffic&) = delete;
  ~InnerTraffic() = default;

  void start();
  void stop() { is_active_ = false; }
  /// The address that a client's device has now; nullopt if it has none.
  [[nodiscard]] std::optional<std::string> address(std::size_t client);
  /// Those that were not forged, offered in this time, and how many of them came out.
  struct Tally {
    std::size_t offered = 0;
    std::size_t delivered = 0;
    std::size_t congested = 0;  ///< of these: with the mark
  };
  [[nodiscard]] Tally tally(TimePoint since, TimePoint until, bool is_reply);

 private:
  void tick(std::size_t client);
  void send(std::size_t client);
  void answer(std::uint32_t number);
  std::size_t some_size();

  World& world_;
  InnerTrafficOptions options_;
  bool is_active_ = false;
};

}  // namespace mptunnel::sim
