// The engines as their programs call them: from a batch of datagrams to packets for all paths, and from what
// comes by the paths to deliveries. Without sockets. One item is one datagram, whatever its copies.

#include <algorithm>
#include <vector>

#include "report.h"
#include "stopwatch.h"
#include "unit/engine/tunnel.h"

namespace mptunnel::bench {
namespace {

using test::source_of;
using test::Tunnel;
using test::TunnelSettings;

constexpr std::size_t kPayloadBytes = 1400;
constexpr std::size_t kBatch = 40;
/// What is measured at a time.
constexpr std::size_t kDatagrams = 4 * kBatch;
constexpr std::uint16_t kPort = 1;

/// Two engines with a session, all paths proved, and an open flow.
class Engines {
 public:
  explicit Engines(std::size_t paths)
      : tunnel_(settings(paths)), payloads_(kDatagrams * kPayloadBytes, 0x5a) {
    tunnel_.start();
    tunnel_.application_sends(kPort, "opens the flow");
    tunnel_.advance(1s);
  }

  [[nodiscard]] bool is_ready() const {
    return tunnel_.at_target.size() == 1 && tunnel_.client->state().link.current() != nullptr;
  }
  [[nodiscard]] FlowHandle flow() const { return tunnel_.at_target[0].flow; }
  /// `count` datagrams that came together.
  DatagramBatch batch(std::size_t count) {
    return {Bytes(payloads_).first(count * kPayloadBytes), kPayloadBytes};
  }
  Tunnel& tunnel() { return tunnel_; }

 private:
  static TunnelSettings settings(std::size_t paths) {
    TunnelSettings result;
    result.paths = paths;
    return result;
  }

  Tunnel tunnel_;
  std::vector<std::uint8_t> payloads_;
};

/// Tells an engine that the kernel took everything, as a program does.
template <typename Engine>
void take_all(Engine& engine, const Output& out, std::size_t paths, TimePoint now) {
  for (std::size_t i = 0; i < paths; ++i) {
    const PathId path{static_cast<std::uint8_t>(i)};
    for (const PacketRun& run : out.runs) {
      if (run.paths.contains(path)) engine.on_sent(path, run, run.count, Drop::would_block, now);
    }
  }
}

/// Copies of all packets in `out`, in one batch for each path: opening overwrites them.
std::vector<std::vector<std::uint8_t>> copies_of(const Output& out, std::size_t paths) {
  std::vector<std::uint8_t> bytes;
  for (const PacketRun& run : out.runs) {
    const ConstBytes packets = out.bytes_of(run);
    bytes.insert(bytes.end(), packets.begin(), packets.end());
  }
  return std::vector<std::vector<std::uint8_t>>(paths, bytes);
}

std::size_t delivered(const Output& out) {
  return out.pieces.size();
}

void ClientSends(benchmark::State& state) {
  const auto paths = static_cast<std::size_t>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  Engines engines(paths);
  Tunnel& tunnel = engines.tunnel();
  if (!engines.is_ready()) state.SkipWithError("no session");
  const FlowSource application = source_of(kPort);
  for (auto _ : state) {
    tunnel.client->on_application(engines.batch(size), application, tunnel.out, tunnel.now);
    take_all(*tunnel.client, tunnel.out, paths, tunnel.now);
    if (tunnel.out.runs.empty()) state.SkipWithError("nothing was sent");
    tunnel.out.clear();
  }
  report_items(state, state.iterations() * state.range(1));
}

void ServerSends(benchmark::State& state) {
  const auto paths = static_cast<std::size_t>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  Engines engines(paths);
  Tunnel& tunnel = engines.tunnel();
  if (!engines.is_ready()) state.SkipWithError("no session");
  for (auto _ : state) {
    tunnel.server->on_target(engines.flow(), engines.batch(size), tunnel.server_out, tunnel.now);
    take_all(*tunnel.server, tunnel.server_out, paths, tunnel.now);
    if (tunnel.server_out.runs.empty()) state.SkipWithError("nothing was sent");
    tunnel.server_out.clear();
  }
  report_items(state, state.iterations() * state.range(1));
}

/// Offers each path's packets to `receive(path, batch)`, `at_once` of them in a batch: all paths' first
/// batch, then all paths' second one.
template <typename Receive>
void arrive(std::vector<std::vector<std::uint8_t>>& copies, std::size_t stride, std::size_t at_once,
            Receive receive) {
  const std::size_t step = stride * at_once;
  for (std::size_t at = 0; at < copies.front().size(); at += step) {
    for (std::size_t i = 0; i < copies.size(); ++i) {
      const Bytes rest = Bytes(copies[i]).subspan(at);
      receive(PathId{static_cast<std::uint8_t>(i)},
              DatagramBatch{rest.first(std::min(step, rest.size())), stride});
    }
  }
}

void ServerReceives(benchmark::State& state) {
  const auto paths = static_cast<std::size_t>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  Engines engines(paths);
  Tunnel& tunnel = engines.tunnel();
  if (!engines.is_ready()) state.SkipWithError("no session");
  Stopwatch stopwatch;
  for (auto _ : state) {
    tunnel.client->on_application(engines.batch(kDatagrams), source_of(kPort), tunnel.out, tunnel.now);
    auto copies = copies_of(tunnel.out, paths);
    const std::size_t stride = tunnel.out.runs.front().stride;
    tunnel.out.clear();
    stopwatch.start();
    arrive(copies, stride, size, [&tunnel](PathId path, DatagramBatch batch) {
      tunnel.server->on_network(batch, tunnel.route(path), tunnel.server_out, tunnel.now);
    });
    stopwatch.stop(state);
    if (delivered(tunnel.server_out) != kDatagrams) state.SkipWithError("a datagram was not delivered once");
    tunnel.server_out.clear();
  }
  report_items(state, state.iterations() * static_cast<std::int64_t>(kDatagrams));
}

void ClientReceives(benchmark::State& state) {
  const auto paths = static_cast<std::size_t>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  Engines engines(paths);
  Tunnel& tunnel = engines.tunnel();
  if (!engines.is_ready()) state.SkipWithError("no session");
  Stopwatch stopwatch;
  for (auto _ : state) {
    tunnel.server->on_target(engines.flow(), engines.batch(kDatagrams), tunnel.server_out, tunnel.now);
    auto copies = copies_of(tunnel.server_out, paths);
    const std::size_t stride = tunnel.server_out.runs.front().stride;
    tunnel.server_out.clear();
    stopwatch.start();
    arrive(copies, stride, size, [&tunnel](PathId path, DatagramBatch batch) {
      tunnel.client->on_path(path, batch, tunnel.out, tunnel.now);
    });
    stopwatch.stop(state);
    if (delivered(tunnel.out) != kDatagrams) state.SkipWithError("a datagram was not delivered once");
    tunnel.out.clear();
  }
  report_items(state, state.iterations() * static_cast<std::int64_t>(kDatagrams));
}

void by_paths_and_batch(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"paths", "batch"})->ArgsProduct({{1, 3, 8}, {1, static_cast<int>(kBatch)}});
}
BENCHMARK(ClientSends)->Apply(by_paths_and_batch);
BENCHMARK(ServerSends)->Apply(by_paths_and_batch);
BENCHMARK(ServerReceives)->Apply(by_paths_and_batch)->UseManualTime();
BENCHMARK(ClientReceives)->Apply(by_paths_and_batch)->UseManualTime();

}  // namespace
}  // namespace mptunnel::bench
