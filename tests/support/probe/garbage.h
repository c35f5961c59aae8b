// `udp_probe garbage`: a flood of hostile datagrams at one address, and what came back.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "support/common/batch_io.h"
#include "support/common/event_loop.h"
#include "support/common/mutator.h"
#include "support/common/pacer.h"

namespace mptunnel::test {

struct GarbageOptions {
  std::string target;
  double rate = 1000;  ///< datagrams a second; 0: as fast as it goes
  double for_seconds = 10;
  std::uint64_t seed = 1;
  MutatorOptions mutator;
  std::string samples;  ///< file; empty: none
  std::string bind;     ///< ADDRESS:PORT; empty: the kernel picks
  std::string sources;  ///< network of IPv4 whose addresses the datagrams leave from in turn; empty: none
  std::size_t source_count = 1;  ///< so many of them
};

class GarbageSender {
 public:
  static tl::expected<std::unique_ptr<GarbageSender>, std::string> create(const GarbageOptions& options);

  nlohmann::ordered_json run();

 private:
  GarbageSender(const GarbageOptions& options, std::unique_ptr<EventLoop> loop)
      : options_(options), loop_(std::move(loop)), mutator_(options.mutator, options.seed) {}
  tl::expected<void, std::string> open();
  tl::expected<void, std::string> open_socket();
  void receive();
  void on_time(TimePoint now);

  GarbageOptions options_;
  std::unique_ptr<EventLoop> loop_;
  Mutator mutator_;
  Endpoint target_;
  Fd socket_;
  std::vector<Peer> peers_;  ///< a source each; none: the socket is connected
  std::size_t next_peer_ = 0;
  std::vector<Buffer> samples_;
  std::optional<Pacer> pacer_;
  TimePoint end_ = kNever;
  std::array<Buffer, Pacer::kMaxBurst> burst_;
  ReceiveBatch in_;
  SendBatch out_;
  std::uint64_t answers_ = 0;
  std::uint64_t answer_bytes_ = 0;
};

}  // namespace mptunnel::test
