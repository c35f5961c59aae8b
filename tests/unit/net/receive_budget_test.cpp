#include "mptunnel/net/receive_budget.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "unit/net/net_support.h"

namespace mptunnel {
namespace {

std::array<std::uint8_t, 65536> storage;

std::vector<Received> batches_of(std::size_t count, std::size_t datagrams) {
  const DatagramBatch batch{Bytes(storage).first(datagrams * 100), 100};
  return {count, Received{batch, {}}};
}

TEST(ReceiveBudget, EndsTheWakeUpAfterAsManyDatagrams) {
  ReceiveBudget budget;
  const auto full = batches_of(8, 64);
  const ReceiveResult result{full, 0, true};
  budget.start();
  EXPECT_FALSE(budget.take(result)) << "8 batches of 64 are all of it";
  const auto few = batches_of(32, 1);
  budget.start();
  for (int i = 0; i < 15; ++i) EXPECT_TRUE(budget.take({few, 0, true})) << i;
  EXPECT_FALSE(budget.take({few, 0, true}));
  budget.start();
  EXPECT_TRUE(budget.take({few, 0, true})) << "each wake-up has its own";
}

TEST(ReceiveBudget, GoesOnAfterNothingButOldOnesUntilTheyAreAsMany) {
  ReceiveBudget budget;
  ReceiveResult old;
  old.more = true;
  old.old = 200;
  budget.start();
  EXPECT_TRUE(budget.take(old));
  EXPECT_TRUE(budget.take(old));
  EXPECT_FALSE(budget.take(old));
}

TEST(ReceiveBudget, EndsWhereTheSocketIsEmpty) {
  ReceiveBudget budget;
  budget.start();
  EXPECT_FALSE(budget.take({}));
  EXPECT_FALSE(budget.take({batches_of(1, 1), 0, false}));
}

TEST(ReceiveBudget, AsksForAsManyBatchesAsBringWhatIsLeft) {
  ReceiveBudget budget;
  budget.take({batches_of(16, 1), 0, true});
  budget.start();
  EXPECT_EQ(budget.batches(), ReceiveBuffers::kDefaultSlots);
  budget.take({batches_of(4, 64), 0, true});
  EXPECT_EQ(budget.batches(), 4U) << "256 of 512 are left, 64 in each";
  budget.take({batches_of(3, 64), 0, true});
  EXPECT_EQ(budget.batches(), 1U);
  budget.start();
  EXPECT_EQ(budget.batches(), 8U);
  budget.take({});
  EXPECT_EQ(budget.batches(), 8U) << "nothing came, nothing learned";
}

TEST(ReceiveBudget, EndsWhereAllThatCameWasTruncated) {
  ReceiveBudget budget;
  budget.start();
  EXPECT_FALSE(budget.take({{}, 0, true}));
}

TEST(ReceiveBudget, ReceivesUntilTheSocketIsEmpty) {
  UdpSocketOptions options = test::bound_to("127.0.0.1");
  UdpSocket receiver = test::open_socket(options);
  options.connect = receiver.local_endpoint();
  UdpSocket sender = test::open_socket(options);
  const std::array<std::uint8_t, 10> bytes{};
  ASSERT_EQ(sender.send({bytes, bytes.size(), {}}).accepted, 1U);
  ASSERT_TRUE(test::wait_readable(receiver.fd(), monotonic_now() + test::kPatience));
  ReceiveBuffers buffers;
  ReceiveBudget budget;
  budget.start();
  EXPECT_TRUE(budget.more());
  EXPECT_EQ(budget.receive(receiver, buffers).batches.size(), 1U);
  EXPECT_FALSE(budget.more());
  budget.start();
  EXPECT_TRUE(budget.more()) << "each wake-up has its own";
}

}  // namespace
}  // namespace mptunnel
