// Holders of a key who make the server keep what it can be made to keep, beside a client whose datagrams need
// fragments: packets that are never whole, numbers far apart, flow ids.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mptunnel/base/cursor.h"
#include "sim/attack_report.h"
#include "sim/bench.h"
#include "support/engine_access.h"
#include "support/key_wear.h"

namespace mptunnel::sim {
namespace {

constexpr std::size_t kHoarders = 40;
constexpr std::uint32_t kTotal = 65'500;

class Hoard : public testing::Test {
 protected:
  Hoard() {
    for (std::size_t i = 0; i < kHoarders; ++i) {
      ClientOptions options = bench_.client.options();
      options.identity.front() = static_cast<std::uint8_t>(100 + i);
      options.paths = 1;
      hoarders_.push_back(&bench_.world.add_client(options));
    }
    bench_.server().start();
    for (ClientHost* hoarder : hoarders_) hoarder->start();
    bench_.client.start();
    bench_.run(2s);
    bench_.world.traffic().start(bench_.application);
    bench_.run(500ms);
    for (ClientHost* hoarder : hoarders_)
      bench_.world.context().oracle.allow_jump(hoarder->process(), keys_of(*hoarder).remote_index());
  }

  static BenchOptions large_datagrams() {
    BenchOptions options = clean_bench();
    options.traffic.min_bytes = 2000;
    options.traffic.max_bytes = 6000;
    options.traffic.interval = 10ms;
    return options;
  }
  static KeyEpoch& keys_of(ClientHost& client) { return test::keys_of(client.engine()); }

  /// Each begins one more packet, with so many bytes of it.
  void begin_packets(std::size_t bytes) {
    const std::vector<std::uint8_t> part(bytes, 'x');
    std::array<std::uint8_t, kFragmentPrefixBytes> head{};
    ByteWriter writer(head);
    encode_fragment_prefix({PacketType::data, PacketNumber{next_++}, kTotal, 0, {}}, writer);
    for (ClientHost* hoarder : hoarders_) inject(*hoarder, PacketType::control, head, part);
  }
  /// The hoarder sends a packet with these frames.
  void inject(ClientHost& hoarder, PacketType type, ConstBytes head, ConstBytes body = {}) {
    KeyEpoch& keys = keys_of(hoarder);
    const bool is_data = type == PacketType::data;
    Copy copy;
    copy.altered.emplace((is_data ? keys.data_overhead() : KeyEpoch::kControlOverhead) + head.size() +
                         body.size());
    ASSERT_TRUE(is_data ? keys.seal_data(head, body, *copy.altered, bench_.world.now())
                        : keys.seal_control(head, body, *copy.altered, bench_.world.now()));
    sent_ += copy.altered->size();
    copy.from = {hoarder.lane(0).upstream, hoarder.lane(0).server};
    hoarder.lane(0).up->inject(copy, Duration{});
  }
  /// Each sends a DATA packet and a CONTROL packet of the next block of numbers.
  void skip_block() {
    block_ += ReceivedSet::kBlockNumbers;
    const std::array<std::uint8_t, 1> padding{};
    for (ClientHost* hoarder : hoarders_) {
      KeyEpoch& keys = keys_of(*hoarder);
      test::wear_out_control(keys, block_);
      inject(*hoarder, PacketType::control, padding);
      test::wear_out(keys, block_, 0);
      inject(*hoarder, PacketType::data, padding);
    }
  }
  [[nodiscard]] std::size_t sets_kept() { return bench_.server().engine().state().context.received.bytes(); }
  std::uint64_t forced_closings(const ClientHost& client) {
    std::uint64_t all = 0;
    for (const auto& [handle, session] : bench_.server().engine().state().table.all()) {
      if (session->identity == client.options().identity) all += session->link.forced_closings();
    }
    return all;
  }
  /// What all sessions keep.
  std::size_t kept() {
    std::size_t bytes = 0;
    for (const auto& [handle, session] : bench_.server().engine().state().table.all())
      bytes += session->receiver.fragments().bytes();
    return bytes;
  }
  void expect_nothing_lost(std::size_t most) {
    bench_.settle();
    EXPECT_GT(bench_.tally(false).offered, 100U);
    expect_attack_costs_nothing(bench_, {.attacker_bytes = sent_,
                                         .defenders = {{&bench_.client}},
                                         .more = fmt::format("the server kept {} bytes at most", most)});
  }

  Bench bench_{large_datagrams()};
  std::vector<ClientHost*> hoarders_;
  std::uint32_t next_ = 1'000'000;
  std::uint32_t block_ = 0;
  std::size_t sent_ = 0;
};

TEST_F(Hoard, MemoryGrowsWithTheBytesThatCameAndNotWithThosePromised) {
  for (int i = 0; i < 800; ++i) {
    begin_packets(1);
    bench_.run(1ms);
  }
  EXPECT_EQ(sent_, std::size_t{800} * kHoarders * 39);
  EXPECT_LE(kept(), 8 * sent_);
  expect_nothing_lost(kept());
  bench_.run(kFragmentLife + kServerTick);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(bench_.server().drops(Drop::fragment_expired), 800 * kHoarders) << "each is counted";
}

TEST_F(Hoard, WhoeverHoldsMostYieldsAndAModestClientLosesNothing) {
  std::size_t most = 0;
  for (int i = 0; i < 1700; ++i) {
    begin_packets(1300);
    bench_.run(500us);
    most = std::max(most, kept());
  }
  EXPECT_GT(sent_, kFragmentedBytesOfAll);
  EXPECT_LE(most, kFragmentedBytesOfAll);
  EXPECT_GT(most, kFragmentedBytesOfAll / 2);
  expect_nothing_lost(most);
  bench_.run(kFragmentLife + kServerTick);
  EXPECT_EQ(bench_.server().drops(Drop::fragment_expired), 1700 * kHoarders) << "each is counted";
}

TEST_F(Hoard, WhoeverMakesHolesInItsNumbersYieldsAndAModestClientsSetStaysExact) {
  std::size_t most = 0;
  for (int i = 0; i < 8000; ++i) {
    skip_block();
    bench_.run(500us);
    most = std::max(most, sets_kept());
  }
  EXPECT_LE(most, kReceivedBytesOfAll);
  EXPECT_GT(most, kReceivedBytesOfAll / 2);
  EXPECT_GT(forced_closings(*hoarders_.front()), 0U);
  EXPECT_EQ(forced_closings(bench_.client), 0U);
  expect_nothing_lost(most);
}

TEST_F(Hoard, FlowIdsTakeRoomByTheFlowAndNotByTheId) {
  for (ClientHost* hoarder : hoarders_) {
    std::array<std::uint8_t, 16> head{};
    ByteWriter writer(head);
    encode_frame(FlowOpenFrame{FlowId{kMaxFlowId}, 1}, writer);
    inject(*hoarder, PacketType::control, ConstBytes(head).first(writer.written()));
  }
  bench_.run(1s);
  std::size_t bytes = 0;
  std::size_t opened = 0;
  for (const auto& [handle, session] : bench_.server().engine().state().table.all()) {
    bytes += session->flows.ids().bytes();
    opened += session->flows.ids().find(FlowId{kMaxFlowId}) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(opened, kHoarders);
  EXPECT_LE(bytes, (kHoarders + 1) * 3072);
  expect_nothing_lost(bytes);
}

}  // namespace
}  // namespace mptunnel::sim
