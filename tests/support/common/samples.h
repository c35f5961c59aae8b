// Captured datagrams: the file in which lossy_bridge keeps them and from which garbage is made.
//
//     u32  length of the datagram, big-endian, at most 65527
//     ...  the datagram; then the next one
#pragma once

#include <cstddef>
#include <fstream>
#include <istream>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/bytes.h"

namespace mptunnel::test {

using Buffer = std::vector<std::uint8_t>;

/// Of a file, as many samples are kept; the rest is not read.
inline constexpr std::size_t kMaxSamples = 65536;

tl::expected<std::vector<Buffer>, std::string> read_samples(std::istream& in);
/// The error names the file.
tl::expected<std::vector<Buffer>, std::string> read_sample_file(const std::string& path);

/// Writes such a file, up to a number of datagrams.
class SampleWriter {
 public:
  /// Truncates the file. The error names it.
  static tl::expected<SampleWriter, std::string> open(const std::string& path, std::size_t limit);

  /// Nothing happens beyond the limit. The last datagram within it also flushes.
  void write(ConstBytes datagram);
  void flush() { out_.flush(); }

 private:
  SampleWriter(std::ofstream out, std::size_t limit) : out_(std::move(out)), left_(limit) {}

  std::ofstream out_;
  std::size_t left_;
};

/// The last datagrams that were put in, at most `kCapacity`.
class SampleRing {
 public:
  static constexpr std::size_t kCapacity = 1024;

  void put(ConstBytes datagram);
  /// In no particular order.
  [[nodiscard]] const std::vector<Buffer>& samples() const { return samples_; }

 private:
  std::vector<Buffer> samples_;
  std::size_t next_ = 0;
};

}  // namespace mptunnel::test
