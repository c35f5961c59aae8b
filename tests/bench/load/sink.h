// Counts datagrams with as little work as possible: their bytes are never copied out of the kernel, and while
// they keep coming it sleeps between reads, so that a sender has nobody to wake.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/endpoint.h"
#include "support/common/sockets.h"

namespace mptunnel::bench {

/// The benchmark reads this from a file that is mapped into memory.
struct SinkCounters {
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
};

class Sink {
 public:
  /// `counter_file` is created; empty: none.
  static tl::expected<Sink, std::string> open(const Endpoint& listen, const std::string& counter_file);
  [[nodiscard]] Endpoint listening() const { return test::local_endpoint(socket_.get()); }
  /// Until SIGTERM or SIGINT. Returns what arrived.
  SinkCounters run();
  [[nodiscard]] std::uint64_t kernel_drops() const { return test::kernel_drops(socket_.get()); }

 private:
  Sink(test::Fd socket, SinkCounters* shared) : socket_(std::move(socket)), shared_(shared) {}

  test::Fd socket_;
  SinkCounters* shared_;  ///< in the mapped file, for as long as the process lives; null: none
};

}  // namespace mptunnel::bench
