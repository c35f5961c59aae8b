// Sends datagrams of one size on a schedule, evenly and without spinning. It takes no answer.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/time.h"
#include "support/common/sockets.h"

namespace mptunnel::bench {

struct SourceOptions {
  std::vector<Endpoint> targets;
  std::size_t bytes = 1400;
  std::size_t flows = 1;  ///< sockets; flow i sends to target i modulo their number
  bool offload = true;    ///< what is due leaves segmented by the kernel; else datagram by datagram
};

struct SourceResult {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;  ///< not taken by the kernel
  double seconds = 0;
};

class Source {
 public:
  static tl::expected<Source, std::string> open(const SourceOptions& options);
  /// May be called again: the flows stay the same. `rate` is datagrams a second over all flows; 0: as fast as
  /// it goes.
  SourceResult run(double rate, double seconds);

 private:
  explicit Source(const SourceOptions& options);
  void send_due(std::uint64_t count);
  void send_series(int fd, std::size_t count);
  std::size_t send_segmented(int fd, std::size_t count);
  std::size_t send_plain(int fd, std::size_t count);

  SourceOptions options_;
  std::vector<test::Fd> sockets_;
  std::vector<std::uint8_t> bytes_;  ///< room for the longest series
  std::size_t longest_series_ = 1;
  std::size_t next_flow_ = 0;
  std::uint64_t number_ = 0;
  SourceResult result_;
};

}  // namespace mptunnel::bench
