// `udp_probe send`: numbered datagrams out at a steady rate, their echoes back and checked.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "support/common/batch_io.h"
#include "support/common/event_loop.h"
#include "support/common/pacer.h"
#include "support/common/prng.h"
#include "support/common/samples.h"
#include "support/probe/arrivals.h"

namespace mptunnel::test {

struct SendOptions {
  std::string target;
  std::uint64_t count = 0;  ///< 0: until `for_seconds`
  double for_seconds = 0;   ///< 0: until `count`
  double rate = 1000;       ///< datagrams a second over all flows; 0: as fast as it goes
  std::size_t min_bytes = 1000;
  std::size_t max_bytes = 1000;  ///< to kMaxProbeBytes; sizes are uniform in between
  std::size_t flows = 1;         ///< sockets, each with a port of its own, that take turns
  bool expect_echo = true;
  std::optional<std::uint64_t> seed;  ///< of run id and sizes; random if unset
  std::string bind;                   ///< ADDRESS:PORT; flow i uses PORT + i unless PORT is 0
  double drain_seconds = 1;
  std::string timeline;  ///< file; empty: none
  bool progress = false;
};

class Sender {
 public:
  static constexpr std::size_t kMaxFlows = 10000;

  static tl::expected<std::unique_ptr<Sender>, std::string> create(const SendOptions& options);

  /// Sends, drains, and returns the report.
  nlohmann::ordered_json run();

 private:
  struct Flow {
    Fd socket;
    std::uint32_t next_number = 0;
    std::uint32_t settled_below = 0;  ///< numbers below were sent before the last line of progress
  };
  enum class State : std::uint8_t { sending, draining };

  Sender(SendOptions options, std::unique_ptr<EventLoop> loop, std::uint64_t seed);
  tl::expected<void, std::string> open();
  [[nodiscard]] FlowKey key_of(std::size_t flow) const {
    return {.run = run_, .flow = static_cast<std::uint16_t>(flow)};
  }
  void receive(std::size_t flow);
  void send_due(TimePoint now);
  void send_one(TimePoint now);
  void drain(TimePoint now);
  void on_time(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  void print_progress(TimePoint now);
  nlohmann::ordered_json report();

  SendOptions options_;
  std::unique_ptr<EventLoop> loop_;
  Endpoint target_;
  std::uint64_t seed_;
  std::uint32_t run_;
  Prng sizes_;
  std::vector<Flow> flows_;
  std::optional<Pacer> pacer_;
  State state_ = State::sending;
  TimePoint start_;
  TimePoint end_ = kNever;  ///< of sending
  TimePoint drained_ = kNever;
  TimePoint next_progress_ = kNever;
  TimePoint last_sent_;
  std::uint64_t offered_ = 0;
  std::uint64_t offered_short_ = 0;
  std::vector<Buffer> buffers_;
  std::size_t buffered_ = 0;
  ReceiveBatch in_;
  SendBatch out_;
  ArrivalLog arrivals_;
  std::ofstream timeline_;
};

}  // namespace mptunnel::test
