// A stream with losses, reordering and restarts through the encoder and the decoder of the repair code, and
// what a peer might make up in between. Until something made up went in, what is recovered is the original,
// once; always, the decoder keeps to its limits.
//
//     1 byte: limits | steps: 1 byte: which | its arguments
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/repair/repair_decoder.h"
#include "mptunnel/repair/repair_encoder.h"

namespace mptunnel::fuzz {
namespace {

constexpr std::size_t kMostRepairSteps = 300;
constexpr std::size_t kMostHeld = 16;

struct HeldRepair {
  std::uint64_t first = 0;
  std::size_t count = 0;
  std::uint16_t seed = 0;
  std::vector<std::uint8_t> coded;
};

DecoderLimits limits_by(std::uint8_t choice) {
  DecoderLimits limits;
  limits.symbols = std::size_t{4} << choice % 6U;
  limits.bytes = kMaxSymbolBytes;
  limits.age = 20ms;
  limits.unknowns = kMaxRepairWindow;
  limits.equations = 1 + choice % 9U;
  limits.equation_bytes = kMaxCodedBytes * (1 + choice % 3U);
  return limits;
}

class RepairRun {
 public:
  explicit RepairRun(ConstBytes input)
      : input_(input),
        limits_(limits_by(input_.u8())),
        decoder_(limits_),
        encoder_({32, kMaxSymbolBytes, 50ms}) {}

  void execute() {
    for (std::size_t i = 0; i < kMostRepairSteps && !input_.empty(); ++i) {
      step(input_.u8());
      check_limits();
    }
  }

 private:
  void step(std::uint8_t what) {
    switch (what % 10U) {
      case 0:
      case 1:
      case 2:
        send(what % 10U != 0, what / 10U);
        break;
      case 3:
        make(what / 10U);
        break;
      case 4:
        make(what / 10U);
        deliver(held_.size() - 1);
        break;
      case 5:
        if (!held_.empty()) deliver(what / 10U % held_.size());
        break;
      case 6:
        now_ += 1ms * (what / 10U);
        decoder_.expire(now_);
        break;
      case 7:
        make_up_repair(what / 10U);
        break;
      case 8:
        make_up_source(what / 10U);
        break;
      default:
        seldom(what / 10U);
        break;
    }
  }

  /// A symbol of a size that follows from a byte: small ones as a rule.
  void send(bool arrives, unsigned kind) {
    const std::uint8_t fill = input_.u8();
    const std::size_t size = kind == 0 ? std::size_t{fill} * 257 : fill % 32U;
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(fill + i * 7);
    encoder_.add(next_, bytes, now_);
    symbols_[next_] = bytes;
    if (arrives) {
      out_.insert(next_);
      decoder_.on_source(next_, bytes, now_);
      check_recovered();
    }
    ++next_;
  }

  void make(unsigned window) {
    const auto covered = encoder_.newest(1 + window, now_);
    HeldRepair repair{covered.first, covered.count, input_.u8(),
                      std::vector<std::uint8_t>(covered.coded_bytes)};
    MPT_ASSERT(encoder_.make(repair.first, repair.count, repair.seed, repair.coded) == repair.coded.size());
    if (held_.size() == kMostHeld) held_.erase(held_.begin());
    held_.push_back(std::move(repair));
  }

  void deliver(std::size_t which) {
    const HeldRepair& repair = held_[which];
    const RepairVerdict verdict =
        decoder_.on_repair({repair.first, repair.count, repair.seed, repair.coded}, now_);
    // Of an empty window nothing was made.
    if (is_honest_ && repair.count > 0) {
      MPT_ASSERT(verdict != RepairVerdict::malformed && verdict != RepairVerdict::contradiction);
    }
    check_recovered();
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void make_up_repair(unsigned kind) {
    is_honest_ = false;
    const std::uint64_t far = std::uint64_t{input_.u8()} << (kind % 8U * 8U);
    const std::uint64_t first = kind < 12 ? next_ + input_.u8() - 128U : far - input_.u8();
    const std::size_t count = input_.u16() % 300U;
    const std::size_t size = kind % 5U == 0 ? input_.u16() : input_.u8() % 40U;
    std::vector<std::uint8_t> coded(size, kind % 3U == 0 ? std::uint8_t{0} : input_.u8());
    const ConstBytes piece = input_.piece(std::min<std::size_t>(size, 4));
    std::copy(piece.begin(), piece.end(), coded.begin());
    decoder_.on_repair({first, count, input_.u8(), coded}, now_);
    check_recovered();
  }

  void make_up_source(unsigned kind) {
    is_honest_ = false;
    const std::vector<std::uint8_t> bytes(kind == 0 ? input_.u16() : input_.u8() % 40U, input_.u8());
    decoder_.on_source(next_ + input_.u8() - 128U, bytes, now_);
    check_recovered();
  }

  void seldom(unsigned kind) {
    if (kind == 0) {
      encoder_.restart();
      decoder_.restart();
      MPT_ASSERT(decoder_.memory() == 0 && encoder_.memory() == 0);
      symbols_.clear();
      out_.clear();
      held_.clear();
      next_ = 0;
      is_honest_ = true;
    } else if (kind < 8) {
      decoder_.drop_oldest();
    } else if (kind < 16) {
      encoder_.drop_oldest();
    } else if (kind < 21 && !symbols_.empty()) {
      arrive_late(input_.u8());
    } else {
      next_ += kind;  // numbers that nothing was sent under
    }
  }

  /// One of those that were sent, a first time or again.
  void arrive_late(std::uint8_t back) {
    const auto symbol = std::prev(symbols_.end(), 1 + static_cast<std::ptrdiff_t>(back % symbols_.size()));
    out_.insert(symbol->first);
    decoder_.on_source(symbol->first, symbol->second, now_);
    check_recovered();
  }

  void check_recovered() {
    std::uint64_t last = 0;
    for (const auto& symbol : decoder_.recovered()) {
      MPT_ASSERT(last <= symbol.number);
      last = symbol.number;
      MPT_ASSERT(symbol.bytes.size() <= kMaxSymbolBytes);
      if (!is_honest_) continue;
      const auto original = symbols_.find(symbol.number);
      MPT_ASSERT(original != symbols_.end() && out_.insert(symbol.number).second);
      MPT_ASSERT(std::equal(symbol.bytes.begin(), symbol.bytes.end(), original->second.begin(),
                            original->second.end()));
    }
  }

  void check_limits() const {
    MPT_ASSERT(decoder_.symbols() <= limits_.symbols);
    MPT_ASSERT(decoder_.equations() <= limits_.equations);
    MPT_ASSERT(decoder_.unknowns() <= limits_.unknowns);
    // Tables besides the rings, and one equation's room that is not given back.
    MPT_ASSERT(decoder_.memory() <= limits_.bytes + limits_.equation_bytes + kMaxCodedBytes +
                                        (limits_.equations + 2) * 8192 + (std::size_t{128} << 10U));
    MPT_ASSERT(encoder_.symbols() <= 32);
  }

  Input input_;
  DecoderLimits limits_;
  RepairDecoder decoder_;
  RepairEncoder encoder_;
  TimePoint now_{1h};
  std::map<std::uint64_t, std::vector<std::uint8_t>> symbols_;
  std::set<std::uint64_t> out_;  ///< that came, or were recovered
  std::vector<HeldRepair> held_;
  std::uint64_t next_ = 0;
  bool is_honest_ = true;
};

}  // namespace

void fuzz_repair(ConstBytes input) {
  RepairRun(input).execute();
}

}  // namespace mptunnel::fuzz
