// All parts together as an engine will join them: losses are drawn, counted and reported, the controller
// plans, the pacer says when, encoder and decoder do the work. Time is virtual, the way takes none.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "mptunnel/repair/repair_control.h"
#include "mptunnel/repair/repair_decoder.h"
#include "mptunnel/repair/repair_encoder.h"
#include "mptunnel/repair/repair_pacer.h"
#include "repair_support.h"

namespace mptunnel {
namespace {

using test::ByteRow;
using test::kRepairStart;
using namespace std::chrono_literals;

/// What is asked of a run.
struct LoopRow {
  const char* name;
  double symbols_per_second;
  std::size_t bytes;
  LossModel model;
  std::uint64_t symbols;
  double most_residual;
  double most_overhead;  ///< repair symbols for each source symbol
  Duration p999;         ///< of the delay; without losses there is none
};

class Loop {
 public:
  explicit Loop(const LoopRow& row) : row_(row), sent_at_(row.symbols, kNever), bytes_(row.bytes) {
    good_again_ = 1 / std::max(row.model.mean_run, 1 / (1 - row.model.loss));
    bad_begins_ = row.model.loss * good_again_ / (1 - row.model.loss);
  }

  void run() {
    const auto gap =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / row_.symbols_per_second));
    for (std::uint64_t number = 0; number < row_.symbols; ++number) {
      const TimePoint now = kRepairStart + gap * number;
      serve_deadlines(now);
      send(number, now);
      if (now >= next_report_) report(now);
    }
    serve_deadlines(kRepairStart + gap * row_.symbols + 100ms);
  }

  [[nodiscard]] double residual() const {
    return static_cast<double>(row_.symbols - arrived_) / static_cast<double>(row_.symbols);
  }
  [[nodiscard]] double lost() const { return static_cast<double>(lost_) / static_cast<double>(row_.symbols); }
  [[nodiscard]] double overhead() const {
    return static_cast<double>(repairs_) / static_cast<double>(row_.symbols);
  }
  /// Of those that arrived.
  [[nodiscard]] Duration delay_of(double share) {
    std::sort(delays_.begin(), delays_.end());
    const auto on_time = static_cast<double>(arrived_ - delays_.size());
    const double place = share * static_cast<double>(arrived_) - on_time;
    return place < 0 ? Duration{} : delays_.at(static_cast<std::size_t>(place));
  }
  [[nodiscard]] const RepairDecoder& decoder() const { return decoder_; }

 private:
  bool chance(double probability) { return std::uniform_real_distribution<>()(engine_) < probability; }
  bool is_lost() {
    bad_ = bad_ ? !chance(good_again_) : chance(bad_begins_);
    return bad_;
  }

  void send(std::uint64_t number, TimePoint now) {
    sent_at_[number] = now;
    encoder_.add(number, bytes_, now);
    const bool gone = is_lost();
    ++report_.sent;
    if (gone) {
      ++lost_;
      ++report_.lost;
      if (!last_gone_) ++report_.runs;
    } else {
      ++arrived_;
      decoder_.on_source(number, bytes_, now);
      note(now);
    }
    last_gone_ = gone;
    send_repairs(pacer_.on_source(row_.bytes, now), now);
  }

  void serve_deadlines(TimePoint now) {
    while (pacer_.deadline() <= now) {
      const TimePoint due = pacer_.deadline();
      send_repairs(pacer_.on_deadline(due), due);
    }
  }

  void send_repairs(std::size_t count, TimePoint now) {
    for (; count > 0; --count) {
      const auto window = encoder_.newest(control_.plan().window, now);
      if (window.count == 0 || !pacer_.take(window.coded_bytes)) continue;
      ++repairs_;
      if (is_lost() || chance(row_.model.repair_loss)) continue;
      coded_.resize(window.coded_bytes);
      encoder_.make(window.first, window.count, seed_, coded_);
      decoder_.on_repair({window.first, window.count, seed_++, coded_}, now);
      note(now);
    }
  }

  void note(TimePoint now) {
    for (const auto& symbol : decoder_.recovered()) {
      ++arrived_;
      delays_.push_back(now - sent_at_.at(symbol.number));
      ASSERT_TRUE(std::equal(symbol.bytes.begin(), symbol.bytes.end(), bytes_.begin(), bytes_.end()));
    }
  }

  /// What was known 40 ms ago arrives now.
  void report(TimePoint now) {
    next_report_ = now + 20ms;
    under_way_.push_back(std::exchange(report_, {}));
    if (under_way_.size() < 3) return;
    LossReport arrived = under_way_.front();
    under_way_.erase(under_way_.begin());
    arrived.expected_loss = row_.model.mean_run > 1.5 ? 0 : row_.model.loss;
    arrived.repair_loss = row_.model.repair_loss;
    arrived.symbols_per_second = row_.symbols_per_second;
    arrived.bits_per_second = row_.symbols_per_second * static_cast<double>(row_.bytes) * 8;
    pacer_.follow(control_.observe(arrived, now));
  }

  LoopRow row_;
  std::mt19937_64 engine_{3};
  RepairSettings settings_;
  RepairControl control_{settings_};
  RepairPacer pacer_{settings_.delay};
  RepairEncoder encoder_;
  RepairDecoder decoder_;
  std::vector<TimePoint> sent_at_;
  std::vector<Duration> delays_;  ///< of what was recovered
  ByteRow bytes_;
  ByteRow coded_;
  LossReport report_;
  std::vector<LossReport> under_way_;
  TimePoint next_report_ = kRepairStart;
  std::uint64_t arrived_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t repairs_ = 0;
  double good_again_;
  double bad_begins_;
  bool bad_ = false;
  bool last_gone_ = false;
  std::uint16_t seed_ = 0;
};

class RepairLoop : public testing::TestWithParam<LoopRow> {};

TEST_P(RepairLoop, LeavesWhatWasAskedFor) {
  const LoopRow& row = GetParam();
  Loop loop(row);
  loop.run();
  RecordProperty("residual", std::to_string(loop.residual()));
  RecordProperty("overhead", std::to_string(loop.overhead()));
  EXPECT_LE(loop.residual(), row.most_residual);
  EXPECT_LE(loop.overhead(), row.most_overhead);
  EXPECT_LE(loop.delay_of(0.999), row.p999);
  EXPECT_EQ(loop.decoder().counts()[RepairVerdict::contradiction], 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Flows, RepairLoop,
    testing::Values(
        // Three paths of 10 %, and of 20 %.
        LoopRow{"FiveThousandAtOneInThousand", 5000, 100, {1e-3, 1, 0}, 1'000'000, 1e-5, 0.05, 20ms},
        LoopRow{"FiveThousandAtEightInThousand", 5000, 100, {8e-3, 1, 0}, 500'000, 1e-4, 0.12, 20ms},
        LoopRow{"OnePathOfTenPercent", 5000, 100, {0.1, 1, 0}, 300'000, 1e-4, 0.45, 20ms},
        // A call.
        LoopRow{"CallOverThreePathsOfTenPercent", 50, 160, {1e-3, 1, 0}, 200'000, 2e-5, 2.2, 20ms},
        LoopRow{"CallOverOnePathOfTenPercent", 50, 160, {0.1, 1, 0}, 100'000, 1e-3, 3.0, 25ms},
        LoopRow{"GameOverOnePathOfTenPercent", 100, 100, {0.1, 1, 0}, 100'000, 1e-3, 3.0, 25ms},
        // Mean bursts of 5 packets, 5 % a path, all paths alike.
        LoopRow{"Bursts", 5000, 100, {0.05, 5, 0}, 300'000, 5e-3, 0.5, 1s},
        LoopRow{"Clean", 5000, 100, {0, 1, 0}, 100'000, 0, 0, 0ms},
        LoopRow{"Few", 5000, 100, {5e-6, 1, 0}, 500'000, 1e-5, 0.01, 0ms}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace mptunnel
