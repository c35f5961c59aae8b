// The running bridge: relay, garbage, schedule and commands on one loop.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "support/bridge/injector.h"
#include "support/bridge/relay.h"
#include "support/bridge/trace.h"
#include "support/common/control_socket.h"
#include "support/common/event_loop.h"

namespace mptunnel::test {

class Bridge {
 public:
  /// Opens everything; the error says what could not be.
  static tl::expected<std::unique_ptr<Bridge>, std::string> create(const BridgeOptions& options);
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;
  ~Bridge();

  [[nodiscard]] Endpoint listening() const { return listening_; }
  /// Until a signal, "quit" or the end of --for.
  void run();
  /// Prints the statistics, one line of JSON, and writes them to the statistics file.
  void report();

 private:
  Bridge(BridgeOptions options, std::unique_ptr<EventLoop> loop, Injector injector, TimePoint start);
  tl::expected<void, std::string> open(const Endpoint& target, Fd listener);
  void take_signals();
  void tap();
  tl::expected<void, std::string> trace();
  [[nodiscard]] TimePoint next_deadline() const;
  void on_time(TimePoint now);
  std::string statistics();
  void write_stats_file();
  /// Carries out the commands, one a line; the answer has a line for each.
  std::string command_lines(std::string_view text, bool can_answer);
  std::string command(std::string_view line, TimePoint now);

  BridgeOptions options_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Relay> relay_;
  Injector injector_;
  std::optional<SampleWriter> capture_;
  std::optional<TraceWriter> trace_;
  std::optional<ControlSocket> control_;
  Endpoint listening_;
  Endpoint target_;
  TimePoint start_;
  TimePoint end_ = kNever;
  std::size_t next_rebind_ = 0;  ///< index into options_.rebind_at, which is sorted
};

}  // namespace mptunnel::test
