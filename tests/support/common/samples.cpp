#include "support/common/samples.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "mptunnel/base/cursor.h"
#include "support/common/batch_io.h"

namespace mptunnel::test {
namespace {

constexpr std::size_t kLengthBytes = 4;

}  // namespace

tl::expected<std::vector<Buffer>, std::string> read_samples(std::istream& in) {
  std::vector<Buffer> samples;
  std::array<std::uint8_t, kLengthBytes> prefix{};
  while (samples.size() < kMaxSamples) {
    in.read(reinterpret_cast<char*>(prefix.data()), prefix.size());
    if (in.gcount() == 0) break;
    if (in.gcount() != static_cast<std::streamsize>(prefix.size()))
      return tl::unexpected<std::string>("it ends within a length");
    const std::uint32_t length = ByteReader(prefix).u32().value_or(0);
    if (length > kMaxDatagramBytes) return tl::unexpected(fmt::format("a length of {} bytes", length));
    Buffer sample(length);
    in.read(reinterpret_cast<char*>(sample.data()), static_cast<std::streamsize>(length));
    if (in.gcount() != static_cast<std::streamsize>(length))
      return tl::unexpected<std::string>("it ends within a datagram");
    samples.push_back(std::move(sample));
  }
  return samples;
}

tl::expected<std::vector<Buffer>, std::string> read_sample_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return tl::unexpected(fmt::format("{}: can't be read", path));
  return read_samples(in).map_error(
      [&](const std::string& error) { return fmt::format("{}: {}", path, error); });
}

tl::expected<SampleWriter, std::string> SampleWriter::open(const std::string& path, std::size_t limit) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) return tl::unexpected(fmt::format("{}: can't be written", path));
  return SampleWriter(std::move(out), limit);
}

void SampleWriter::write(ConstBytes datagram) {
  if (left_ == 0) return;
  std::array<std::uint8_t, kLengthBytes> prefix{};
  ByteWriter(prefix).u32(static_cast<std::uint32_t>(datagram.size()));
  out_.write(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  out_.write(reinterpret_cast<const char*>(datagram.data()), static_cast<std::streamsize>(datagram.size()));
  if (--left_ == 0) out_.flush();
}

void SampleRing::put(ConstBytes datagram) {
  if (samples_.size() < kCapacity) {
    samples_.emplace_back(datagram.begin(), datagram.end());
    return;
  }
  samples_[next_].assign(datagram.begin(), datagram.end());
  next_ = (next_ + 1) % kCapacity;
}

}  // namespace mptunnel::test
