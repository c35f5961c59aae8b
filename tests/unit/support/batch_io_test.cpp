#include "support/common/batch_io.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mptunnel::test {
namespace {

struct Outcome {
  std::string bytes;
  bool mark;
  bool taken;

  bool operator==(const Outcome&) const = default;
};

TEST(SendBatch, TellsWhatBecameOfEachDatagram) {
  const Fd target = *open_bound(*resolve_endpoint("127.0.0.1:0"));
  const Fd source = *open_connected(local_endpoint(target.get()));
  SendBatch batch;
  std::vector<Outcome> outcomes;
  batch.set_observer([&](ConstBytes datagram, bool mark, bool taken) {
    outcomes.push_back({{datagram.begin(), datagram.end()}, mark, taken});
  });
  const std::vector<std::uint8_t> borrowed{'a'};
  batch.add(source.get(), borrowed, nullptr);
  batch.add_owned(source.get(), {'b'}, nullptr, true);
  batch.add_owned(source.get(), std::vector<std::uint8_t>(kMaxDatagramBytes, 'c'), nullptr, true);
  batch.add(source.get(), borrowed, nullptr);
  EXPECT_TRUE(outcomes.empty()) << "nothing leaves before the flush";
  batch.flush();
  const std::vector<Outcome> expected{{"a", false, true},
                                      {"b", true, true},
                                      {std::string(kMaxDatagramBytes, 'c'), true, false},
                                      {"a", false, true}};
  EXPECT_EQ(outcomes, expected) << "65527 bytes are too many for IPv4";
  EXPECT_EQ(batch.totals().sent, 3U);
  EXPECT_EQ(batch.totals().sent_bytes, 3U);
  EXPECT_EQ(batch.totals().failed, 1U);
}

}  // namespace
}  // namespace mptunnel::test
