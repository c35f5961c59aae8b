// `udp_probe echo` and `udp_probe sink`: take datagrams, check and count them, and send them back or not.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>
#include <unordered_set>

#include "support/common/batch_io.h"
#include "support/common/event_loop.h"
#include "support/probe/arrivals.h"

namespace mptunnel::test {

struct ReceiveOptions {
  std::string listen;
  bool echo = false;
  std::uint64_t expect = 0;        ///< end when so many different datagrams have arrived; 0: no such end
  double idle_seconds = 0;         ///< end after so long without arrival, once there was one; 0: no such end
  double for_seconds = 0;          ///< end after so long; 0: no such end
  std::uint32_t ignore_above = 0;  ///< larger datagrams are not received at all; 0: all are
  double drain_seconds = 0;        ///< after `expect`, how long duplicates are waited for
};

class Receiver {
 public:
  /// Addresses that are told apart.
  static constexpr std::size_t kMaxSources = 65536;

  static tl::expected<std::unique_ptr<Receiver>, std::string> create(const ReceiveOptions& options);

  [[nodiscard]] Endpoint listening() const { return local_endpoint(socket_.get()); }
  /// Until a signal or one of the ends in the options; returns the report.
  nlohmann::ordered_json run();

 private:
  Receiver(ReceiveOptions options, std::unique_ptr<EventLoop> loop, Fd socket)
      : options_(std::move(options)), loop_(std::move(loop)), socket_(std::move(socket)) {}
  void receive();
  void on_time(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  nlohmann::ordered_json report();

  ReceiveOptions options_;
  std::unique_ptr<EventLoop> loop_;
  Fd socket_;
  ReceiveBatch in_;
  SendBatch out_;
  ArrivalLog arrivals_;
  std::unordered_set<Endpoint> sources_;
  TimePoint first_ = kNever;
  TimePoint last_ = kNever;
  TimePoint end_ = kNever;
};

}  // namespace mptunnel::test
