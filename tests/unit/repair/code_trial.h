// The real encoder and decoder under losses that are drawn: what a rate of repair symbols leaves missing.
#pragma once

#include <random>
#include <vector>

#include "mptunnel/repair/repair_decoder.h"
#include "mptunnel/repair/residual_loss.h"
#include "repair_support.h"

namespace mptunnel::test {

struct TrialResult {
  double lost = 0;      ///< share of source symbols
  double residual = 0;  ///< share that was neither received nor recovered in time
};

/// Sends `symbols` symbols of one byte. A symbol counts as recovered if that happens before source symbol
/// number + horizon is sent.
class CodeTrial {
 public:
  CodeTrial(const LossModel& model, RepairRate rate, std::size_t horizon, std::size_t window,
            std::uint64_t seed)
      : model_(model), rate_(rate), horizon_(horizon), window_(window), engine_(seed) {
    good_again_ = 1 / std::max(model.mean_run, 1 / (1 - model.loss));
    bad_begins_ = model.loss * good_again_ / (1 - model.loss);
  }

  TrialResult run(std::uint64_t symbols) {
    std::vector<bool> here(symbols + 1);
    std::uint64_t lost = 0;
    std::uint64_t missing = 0;
    for (std::uint64_t number = 0; number < symbols; ++number) {
      // About 2,000 a decoder's age.
      const TimePoint now = kRepairStart + number * 500us;
      const std::uint8_t byte = static_cast<std::uint8_t>(number * 7);
      encoder_.add(number, ConstBytes(&byte, 1), now);
      if (is_lost()) {
        ++lost;
      } else {
        here[number] = true;
        decoder_.on_source(number, ConstBytes(&byte, 1), now);
        note(here);
      }
      const std::uint64_t phase = number % rate_.sources;
      const std::uint64_t due =
          (phase + 1) * rate_.repairs / rate_.sources - phase * rate_.repairs / rate_.sources;
      for (std::uint64_t i = 0; i < due; ++i) {
        const auto window = encoder_.newest(window_, now);
        if (is_lost() || chance(model_.repair_loss)) continue;
        const std::size_t size = encoder_.make(window.first, window.count, seed_, coded_);
        decoder_.on_repair({window.first, window.count, seed_++, ConstBytes(coded_).first(size)}, now);
        note(here);
      }
      if (number + 1 >= horizon_ && !here[number + 1 - horizon_]) ++missing;
    }
    return {static_cast<double>(lost) / static_cast<double>(symbols),
            static_cast<double>(missing) / static_cast<double>(symbols)};
  }

 private:
  bool chance(double probability) { return std::uniform_real_distribution<>()(engine_) < probability; }
  bool is_lost() {
    bad_ = bad_ ? !chance(good_again_) : chance(bad_begins_);
    return bad_;
  }
  void note(std::vector<bool>& here) {
    for (const auto& symbol : decoder_.recovered()) here[symbol.number] = true;
  }

  LossModel model_;
  RepairRate rate_;
  std::size_t horizon_;
  std::size_t window_;
  std::mt19937_64 engine_;
  double good_again_;
  double bad_begins_;
  bool bad_ = false;
  std::uint16_t seed_ = 0;
  RepairEncoder encoder_;
  RepairDecoder decoder_;
  ByteRow coded_ = ByteRow(kMaxCodedBytes);
};

}  // namespace mptunnel::test
