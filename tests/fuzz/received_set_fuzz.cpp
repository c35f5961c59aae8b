// Numbers and times as steps of a received set with a small quota, beside a std::set of all that came.
//
//     1 byte: quota | steps of 3 bytes: which, and a number near the last one or far from it
#include <map>
#include <set>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/session/received_set.h"

namespace mptunnel::fuzz {
namespace {

using namespace std::chrono_literals;

class ReceivedSetRun {
 public:
  explicit ReceivedSetRun(ConstBytes input)
      : input_(input), quota_(512U * static_cast<std::uint32_t>(input_.below(16))), set_(quota_) {}

  void execute() {
    while (!input_.empty()) {
      step();
      check();
    }
  }

 private:
  void step() {
    const std::uint8_t what = input_.u8();
    const std::uint16_t value = input_.u16();
    switch (what % 6) {
      case 0:
        insert(last_ + value % 64U);
        break;
      case 1:
        insert(last_ - value % 1024U);
        break;
      case 2:
        insert(value % 8U == 0 ? std::uint32_t{value} << 16U | what : last_ + value);
        break;
      case 3:  // a run of numbers fills blocks
        for (std::uint32_t i = 0; i <= value % 600U; ++i) insert(last_ + 1);
        break;
      case 4:
        now_ += value % 4U == 0 ? Duration{kReorderAge} : 1ms * value;
        break;
      default:
        age();
        break;
    }
  }

  /// Numbers from kRejectAfterPackets on never get here: a key's end comes before.
  void insert(std::uint32_t wanted) {
    const auto number = static_cast<std::uint32_t>(wanted % kRejectAfterPackets);
    const bool was_seen = set_.contains(PacketNumber{number});
    MPT_ASSERT(was_seen == (number < set_.low_water().value || model_.contains(number)));
    const std::uint64_t forced = set_.forced();
    const bool is_new = set_.insert(PacketNumber{number}, now_);
    // A new number may be refused only if the quota, or time, raises the mark above it.
    MPT_ASSERT(!(is_new && was_seen));
    MPT_ASSERT(is_new || was_seen || set_.forced() > forced || set_.low_water().value > number);
    if (is_new) {
      model_.insert(number);
      note_block(number / ReceivedSet::kBlockNumbers);
      MPT_ASSERT(set_.contains(PacketNumber{number}));
    }
    last_ = number;
  }

  void age() {
    set_.age(now_);
    has_aged_ = true;
    // What is left at the bottom is not old yet.
    const auto lowest = model_.lower_bound(set_.low_water().value);
    if (lowest == model_.end()) return;
    const auto passed = passed_.find(*lowest / ReceivedSet::kBlockNumbers);
    MPT_ASSERT(passed == passed_.end() || now_ - passed->second < kReorderAge);
  }

  /// A block is passed once a higher one began, or when it begins below a higher one.
  void note_block(std::uint32_t block) {
    if (!blocks_.insert(block).second) return;
    const auto own = blocks_.find(block);
    if (std::next(own) != blocks_.end()) {
      passed_.emplace(block, now_);
    } else if (own != blocks_.begin()) {
      passed_.emplace(*std::prev(own), now_);
    }
  }

  void check() {
    const std::uint32_t low = set_.low_water().value;
    MPT_ASSERT(low >= low_ && low % ReceivedSet::kBlockNumbers == 0);
    below_ += static_cast<std::uint64_t>(std::distance(model_.lower_bound(low_), model_.lower_bound(low)));
    low_ = low;
    MPT_ASSERT(set_.received() == model_.size());
    MPT_ASSERT(set_.missing() == low - below_);
    // What nobody gave up has come.
    MPT_ASSERT(has_aged_ || set_.forced() > 0 || now_ >= TimePoint{} + kReorderAge || set_.missing() == 0);
    MPT_ASSERT(set_.blocks() <= std::max<std::size_t>(2, quota_ / ReceivedSet::kBlockNumbers));
  }

  Input input_;
  std::uint32_t quota_;
  ReceivedSet set_;
  std::set<std::uint32_t> model_;
  std::set<std::uint32_t> blocks_;
  std::map<std::uint32_t, TimePoint> passed_;  ///< by block: since when no newest one
  std::uint32_t low_ = 0;                      ///< the mark
  std::uint64_t below_ = 0;                    ///< numbers that came and lie below it
  std::uint32_t last_ = 0;
  TimePoint now_{};
  bool has_aged_ = false;
};

}  // namespace

void fuzz_received_set(ConstBytes input) {
  constexpr std::size_t kMostBytes = 150;
  ReceivedSetRun(input.first(std::min(input.size(), kMostBytes))).execute();
}

}  // namespace mptunnel::fuzz
