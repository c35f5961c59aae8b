#include "memory_link.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mptunnel::test {
namespace {

constexpr std::uint64_t kCopyLostEach = 50;
constexpr std::uint64_t kAllLostEach = 400;

}  // namespace

MemoryLink::MemoryLink(Tunnel& tunnel, bool lossy)
    : tunnel_(tunnel), lossy_(lossy), payloads_(64 * kPayloadBytes), arrived_(2 * kMaxPacketBytes) {}

DatagramBatch MemoryLink::payloads(std::size_t count) {
  return {Bytes(payloads_).first(count * kPayloadBytes), kPayloadBytes};
}

void MemoryLink::application_sends(std::uint16_t port, std::size_t count) {
  const FlowSource application = source_of(port);
  {
    const Counted counted(spent.on_application);
    tunnel_.client->on_application(payloads(count), application, tunnel_.out, tunnel_.now);
  }
  carry(To::server, tunnel_.out);
  for (const Delivery& delivery : tunnel_.server_out.deliveries) at_target_ += delivery.count;
  EXPECT_TRUE(tunnel_.server_out.runs.empty()) << "DATA is not answered";
  tunnel_.out.clear();
  tunnel_.server_out.clear();
}

void MemoryLink::target_sends(FlowHandle flow, std::size_t count) {
  {
    const Counted counted(spent.on_target);
    tunnel_.server->on_target(flow, payloads(count), tunnel_.server_out, tunnel_.now);
  }
  carry(To::client, tunnel_.server_out);
  for (const Delivery& delivery : tunnel_.out.deliveries) at_application_ += delivery.count;
  EXPECT_TRUE(tunnel_.out.runs.empty()) << "DATA is not answered";
  tunnel_.out.clear();
  tunnel_.server_out.clear();
}

void MemoryLink::carry(To to, const Output& from) {
  for (const PacketRun& run : from.runs) {
    const std::uint64_t first = packets_;
    packets_ += run.count;
    if (lossy_) lost_ += packets_ / kAllLostEach - first / kAllLostEach;
    for (std::size_t i = 0; i < tunnel_.settings.paths; ++i) {
      const PathId path{static_cast<std::uint8_t>(i)};
      if (!run.paths.contains(path)) continue;
      const Bytes bytes = arrivals(run, from, path, first);
      if (to == To::server) {
        if (!bytes.empty()) {
          const Counted counted(spent.on_network);
          tunnel_.server->on_network({bytes, run.stride}, tunnel_.route(path), tunnel_.server_out,
                                     tunnel_.now);
        }
        const Counted counted(spent.send);
        tunnel_.client->on_sent(path, run, run.count, Drop::would_block, tunnel_.now);
      } else {
        if (!bytes.empty()) {
          const Counted counted(spent.on_path);
          tunnel_.client->on_path(path, {bytes, run.stride}, tunnel_.out, tunnel_.now);
        }
        const Counted counted(spent.send);
        tunnel_.server->on_sent(path, run, run.count, Drop::would_block, tunnel_.now);
      }
    }
  }
}

Bytes MemoryLink::arrivals(const PacketRun& run, const Output& from, PathId path, std::uint64_t first) {
  ConstBytes rest = from.bytes_of(run);
  std::size_t size = 0;
  for (std::uint32_t n = 0; n < run.count; ++n) {
    const ConstBytes packet = rest.first(n + 1 == run.count ? run.tail : run.stride);
    rest = rest.subspan(packet.size());
    const std::uint64_t number = first + n + 1;
    const bool is_copy_lost =
        number % kCopyLostEach == 0 && number / kCopyLostEach % tunnel_.settings.paths == path.value;
    if (lossy_ && (number % kAllLostEach == 0 || is_copy_lost)) continue;
    std::copy(packet.begin(), packet.end(), arrived_.begin() + static_cast<std::ptrdiff_t>(size));
    size += packet.size();
  }
  return Bytes(arrived_).first(size);
}

}  // namespace mptunnel::test
