// The bridge's truth, datagram by datagram: when each copy left or was lost, and why. It reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"
#include "support/bridge/impairments.h"
#include "support/bridge/options.h"

namespace mptunnel::test {

/// The end of one copy's way through the bridge.
struct TraceRecord {
  TimePoint time;
  Direction direction = Direction::up;
  std::optional<Loss> loss;  ///< unset: forwarded
  bool second_copy = false;  ///< made by the bridge
  ConstBytes datagram;       ///< as it left
};

/// Of a datagram, as many bytes are written: all of mptunnel's packet header.
inline constexpr std::size_t kTracedBytes = 8;

/// The line of a record, without its end; the format is described in tests/support/README.md.
std::string to_line(const TraceRecord& record);

/// A file of such lines, up to a number of them.
class TraceWriter {
 public:
  /// Truncates the file. The error names it.
  static tl::expected<TraceWriter, std::string> open(const std::string& path, std::size_t limit);

  void write(const TraceRecord& record);
  void flush() { out_.flush(); }
  /// Records beyond the limit.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  TraceWriter(std::ofstream out, std::size_t limit) : out_(std::move(out)), left_(limit) {}

  std::ofstream out_;
  std::size_t left_;
  std::uint64_t left_out_ = 0;
};

}  // namespace mptunnel::test
