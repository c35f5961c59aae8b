#include "mptunnel/engine/link/repair_sender.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "mptunnel/repair/repair_decoder.h"
#include "sender_support.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kClientIndex;
using test::kEpochStart;
using test::kServerIndex;
using test::Packet;
using test::views_of;

const PathViews kTwo = views_of({{0, 1472}, {1, 1472}});
const PathSet kBoth = PathSet::of(PathId{0}) | PathSet::of(PathId{1});

/// What packet `number` carries.
Packet body_of(std::uint64_t number) {
  return Packet(100 + number % 17, static_cast<std::uint8_t>(number));
}

class RepairSenderTest : public testing::Test {
 protected:
  explicit RepairSenderTest(const std::optional<RepairSettings>& settings = RepairSettings{})
      : sender_(settings, budget_) {}

  static LinkEpoch make_link_epoch(std::uint32_t order, std::uint64_t peer_frames = kKnownFrames,
                                   Cipher cipher = Cipher::chacha20_poly1305) {
    return {test::make_epoch(kClientIndex, kServerIndex, Role::client, cipher, peer_frames), order,
            std::make_shared<PathTable>()};
  }
  /// Seals so many datagrams of 1 ms, and returns what is repaired of them.
  std::vector<RepairFrame> send(LinkEpoch& epoch, int count, const PathViews& paths = kTwo) {
    std::vector<RepairFrame> all;
    for (int i = 0; i < count; ++i) {
      now_ += 1ms;
      seal_next(epoch);
      while (now_ >= sender_.deadline()) {
        sender_.on_deadline(now_);
        collect(epoch, all, paths);
      }
      collect(epoch, all, paths);
    }
    return all;
  }
  /// Seals so many datagrams at once, and returns how many repair them. `taken_`: by which paths.
  std::size_t send_at_once(LinkEpoch& epoch, int count) {
    now_ += 1ms;
    taken_.clear();
    for (int i = 0; i < count; ++i) seal_next(epoch);
    std::vector<RepairFrame> all;
    collect(epoch, all, kTwo);
    return all.size();
  }
  /// The peer says that of all that was sealed so many were lost, each alone.
  void report(LinkEpoch& epoch, std::uint32_t lost) {
    sender_.on_report(epoch, {epoch.keys().data_sealed(), 0, lost, 0, 0}, {kBoth, {}, *epoch.paths()}, now_);
  }
  /// Sends while the peer reports such a loss, until that is believed.
  void lose_one_in(LinkEpoch& epoch, std::uint32_t part) {
    for (int i = 0; i < 20; ++i) {
      send(epoch, 100);
      report(epoch, epoch.keys().data_sealed() / part);
    }
  }

  RepairBudget budget_;
  RepairSender sender_;
  LinkEpoch epoch_ = make_link_epoch(0);
  TimePoint now_ = kEpochStart;
  std::set<std::uint8_t> taken_;  ///< paths
  std::deque<Packet> kept_;

 private:
  void seal_next(LinkEpoch& epoch) {
    const Packet head = test::datagram_prefix();
    const Packet body = body_of(epoch.keys().data_sealed());
    EXPECT_TRUE(test::seal(epoch.keys(), test::Kind::data, head, body, now_));
    sender_.on_data(epoch, head, body, 46, now_);
  }
  void collect(const LinkEpoch& epoch, std::vector<RepairFrame>& all, const PathViews& paths) {
    while (const auto made = sender_.next(&epoch, paths, now_)) {
      EXPECT_EQ(made->dscp, 46);
      taken_.insert(made->path.value);
      kept_.emplace_back(made->frame.symbol.begin(), made->frame.symbol.end());
      all.push_back(made->frame);
      all.back().symbol = kept_.back();
    }
  }
};

class UnwantedRepair : public RepairSenderTest {
 protected:
  UnwantedRepair() : RepairSenderTest(std::nullopt) {}
};

TEST_F(UnwantedRepair, NothingIsRepairedWithoutSettings) {
  lose_one_in(epoch_, 10);
  EXPECT_TRUE(send(epoch_, 500).empty());
  EXPECT_EQ(sender_.plan(), nullptr);
  EXPECT_EQ(sender_.deadline(), kNever);
  EXPECT_EQ(budget_.bytes(), 0U);
}

TEST_F(RepairSenderTest, NothingIsKeptOrMadeWhileNothingIsLost) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(send(epoch_, 100).empty());
    report(epoch_, 0);
  }
  EXPECT_FALSE(sender_.plan()->is_on());
  EXPECT_EQ(sender_.deadline(), kNever);
  EXPECT_EQ(budget_.bytes(), 0U);
}

TEST_F(RepairSenderTest, WhatItMakesBringsBackWhatWasLost) {
  lose_one_in(epoch_, 20);
  ASSERT_TRUE(sender_.plan()->is_on());
  const std::uint32_t begin = epoch_.keys().data_sealed();
  RepairDecoder decoder;
  std::set<std::uint64_t> recovered;
  for (int i = 0; i < 50; ++i) {
    const std::vector<RepairFrame> repairs = send(epoch_, 20);
    const std::uint32_t end = epoch_.keys().data_sealed();
    // The tenth of each twenty is lost.
    for (std::uint32_t number = end - 20; number != end; ++number) {
      Packet frames = test::datagram_prefix();
      const Packet body = body_of(number);
      frames.insert(frames.end(), body.begin(), body.end());
      if (number % 20 != 10) decoder.on_source(number, frames, now_);
    }
    for (const RepairFrame& repair : repairs) {
      decoder.on_repair({repair.first.value, repair.count, repair.seed, repair.symbol}, now_);
      for (const auto& one : decoder.recovered()) {
        recovered.insert(one.number);
        const Packet body = body_of(one.number);
        ASSERT_TRUE(
            std::equal(body.begin(), body.end(), one.bytes.end() - static_cast<std::ptrdiff_t>(body.size())));
      }
    }
  }
  const auto fresh =
      std::count_if(recovered.begin(), recovered.end(), [&](auto number) { return number >= begin; });
  EXPECT_GE(fresh, 49) << "of 50; the last may still be covered";
  EXPECT_EQ(decoder.counts()[RepairVerdict::contradiction], 0U);
  EXPECT_GT(sender_.repairs(), 0U);
  EXPECT_LT(sender_.repair_bytes(), sender_.data_bytes() / 2);
  EXPECT_GT(budget_.bytes(), 0U);
}

TEST_F(RepairSenderTest, ASilentFlowIsCoveredByADeadline) {
  lose_one_in(epoch_, 100);
  // A repair may follow one at once.
  for (int i = 0; i < 20 && sender_.deadline() == kNever; ++i) send(epoch_, 1);
  ASSERT_LE(sender_.deadline(), now_ + RepairSettings{}.delay / 2);
  now_ = sender_.deadline();
  sender_.on_deadline(now_);
  const auto made = sender_.next(&epoch_, kTwo, now_);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->frame.first.value + made->frame.count, epoch_.keys().data_sealed());
}

TEST_F(RepairSenderTest, NoneGoesToAPeerThatDoesNotKnowItOrInTheClear) {
  LinkEpoch old = make_link_epoch(0, kKnownFrames & ~frame_bit(FrameType::repair));
  lose_one_in(old, 10);
  EXPECT_TRUE(send(old, 200).empty());
  LinkEpoch clear = make_link_epoch(1, kKnownFrames, Cipher::none);
  lose_one_in(clear, 10);
  EXPECT_TRUE(send(clear, 200).empty());
  EXPECT_FALSE(sender_.plan()->is_on());
}

/// As after the other end was replaced by an older one.
TEST_F(RepairSenderTest, StopsWhenANewKeyIsOfAPeerThatDoesNotKnowIt) {
  lose_one_in(epoch_, 10);
  ASSERT_FALSE(send(epoch_, 100).empty());
  LinkEpoch old = make_link_epoch(1, kKnownFrames & ~frame_bit(FrameType::repair));
  EXPECT_TRUE(send(old, 200).empty());
  EXPECT_EQ(budget_.bytes(), 0U);
  EXPECT_EQ(sender_.deadline(), kNever);
}

TEST_F(RepairSenderTest, AReportOfMoreThanWasSentIsNotBelieved) {
  send(epoch_, 300);
  const std::uint32_t sealed = epoch_.keys().data_sealed();
  sender_.on_report(epoch_, {sealed + 1, 0, sealed / 2, 0, 0}, {kBoth, {}, *epoch_.paths()}, now_);
  EXPECT_FALSE(sender_.plan()->is_on());
  EXPECT_EQ(sender_.reported().lost, 0U);
}

TEST_F(RepairSenderTest, AWindowNeverSpansTwoKeys) {
  lose_one_in(epoch_, 10);
  LinkEpoch next = make_link_epoch(1);
  const std::vector<RepairFrame> repairs = send(next, 100);
  ASSERT_FALSE(repairs.empty()) << "what was known of the losses stays";
  for (const RepairFrame& repair : repairs)
    EXPECT_LE(repair.first.value + repair.count, next.keys().data_sealed());
  EXPECT_EQ(sender_.reported().recovered, 0U);
}

/// What is due when the keys change, or the session ends, is about packets that the new key does not know.
TEST_F(RepairSenderTest, WhatIsDueDoesNotOutliveItsKey) {
  lose_one_in(epoch_, 100);
  const LinkEpoch next = make_link_epoch(1);
  for (const LinkEpoch* current : {static_cast<const LinkEpoch*>(nullptr), &next}) {
    for (int i = 0; i < 20 && sender_.deadline() == kNever; ++i) send(epoch_, 1);
    ASSERT_NE(sender_.deadline(), kNever);
    now_ = sender_.deadline();
    sender_.on_deadline(now_);
    EXPECT_FALSE(sender_.next(current, kTwo, now_));
    EXPECT_FALSE(sender_.next(&epoch_, kTwo, now_)) << "and it is forgotten";
  }
}

TEST_F(RepairSenderTest, StopsOnceNothingIsLostAnyMore) {
  lose_one_in(epoch_, 10);
  const std::uint32_t lost = epoch_.keys().data_sealed() / 10;
  for (int i = 0; i < 3000; ++i) {
    send(epoch_, 100);
    report(epoch_, lost);
    if (!sender_.plan()->is_on()) break;
  }
  EXPECT_FALSE(sender_.plan()->is_on());
  EXPECT_EQ(budget_.bytes(), 0U);
  EXPECT_TRUE(send(epoch_, 100).empty());
}

TEST_F(RepairSenderTest, GoesByTurnsWhereItIsLikelyToArrive) {
  lose_one_in(epoch_, 10);
  taken_.clear();
  send(epoch_, 300);
  EXPECT_EQ(taken_, (std::set<std::uint8_t>{0, 1}));
  // Path 1 loses half.
  for (int i = 0; i < 10; ++i) {
    send(epoch_, 100);
    epoch_.path(PathId{0}).out += Arrivals{100, 100};
    epoch_.path(PathId{1}).out += Arrivals{100, 50};
    report(epoch_, epoch_.keys().data_sealed() / 10);
  }
  taken_.clear();
  send(epoch_, 300);
  EXPECT_EQ(taken_, (std::set<std::uint8_t>{0}));
}

TEST_F(RepairSenderTest, WhatRepairsManyDatagramsOfOneCallGoesByOnePath) {
  lose_one_in(epoch_, 20);
  std::set<std::uint8_t> all;
  for (int i = 0; i < 4; ++i) {
    EXPECT_GT(send_at_once(epoch_, 64), 1U);
    EXPECT_EQ(taken_.size(), 1U);
    all.merge(taken_);
  }
  EXPECT_EQ(all.size(), 2U);
  // Of few, each by another: they may be all that there is.
  lose_one_in(epoch_, 3);
  EXPECT_GT(send_at_once(epoch_, 20), 1U);
  EXPECT_EQ(taken_.size(), 2U);
}

TEST_F(RepairSenderTest, TakesAPathThatItFitsIfThereIsOne) {
  lose_one_in(epoch_, 10);
  taken_.clear();
  send(epoch_, 300, views_of({{0, 100}, {1, 1472}}));
  EXPECT_EQ(taken_, (std::set<std::uint8_t>{1}));
  taken_.clear();
  send(epoch_, 300, views_of({{0, 100}, {1, 100}}));
  EXPECT_EQ(taken_, (std::set<std::uint8_t>{0, 1})) << "in pieces";
}

TEST_F(RepairSenderTest, NoPathNoRepair) {
  lose_one_in(epoch_, 10);
  EXPECT_TRUE(send(epoch_, 100, PathViews{}).empty());
}

/// A PING or PONG alone does not tell what was recovered: after a REPAIR_REPORT it would show less loss.
TEST_F(RepairSenderTest, WhatRepairBroughtBackCountsAsLostAllTheSame) {
  lose_one_in(epoch_, 10);
  ASSERT_TRUE(sender_.plan()->is_on());
  const double loss = sender_.plan()->loss;
  std::uint32_t recovered = epoch_.keys().data_sealed() / 10;
  for (int i = 0; i < 300; ++i) {
    send(epoch_, 100);
    recovered += 10;
    const std::uint32_t of = epoch_.keys().data_sealed();
    sender_.on_report(epoch_, {of, recovered, 0, recovered, 0}, {kBoth, {}, *epoch_.paths()}, now_);
    sender_.on_report(epoch_, {kBoth, {}, *epoch_.paths()}, now_);
  }
  EXPECT_TRUE(sender_.plan()->is_on());
  EXPECT_NEAR(sender_.plan()->loss, loss, loss / 2);
}

}  // namespace
}  // namespace mptunnel
