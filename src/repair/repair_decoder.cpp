#include "mptunnel/repair/repair_decoder.h"

#include <algorithm>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

/// No window reaches beyond the largest number then.
constexpr std::uint64_t kLastRepairNumber = ~std::uint64_t{0} - kMaxRepairWindow;

EquationSystem::Limits equation_limits(const DecoderLimits& limits) {
  return {limits.unknowns, limits.equations, limits.equation_bytes};
}

/// The symbol in its coded form; nullopt if the length is too large or what follows is not zero.
std::optional<ConstBytes> symbol_in(ConstBytes coded) {
  const std::size_t length = std::size_t{coded[0]} << 8U | coded[1];
  const ConstBytes rest = coded.subspan(kSymbolPrefixBytes);
  if (length > rest.size()) return std::nullopt;
  const ConstBytes zeros = rest.subspan(length);
  if (std::any_of(zeros.begin(), zeros.end(), [](std::uint8_t byte) { return byte != 0; }))
    return std::nullopt;
  return rest.first(length);
}

}  // namespace

RepairDecoder::RepairDecoder(DecoderLimits limits)
    : limits_(limits),
      store_({limits.symbols, limits.bytes, limits.age}),
      equations_(equation_limits(limits)) {}

void RepairDecoder::on_source(std::uint64_t number, ConstBytes bytes, TimePoint now) {
  expire(now);
  if (!first_) first_ = number;
  store_.put(number, bytes, now);
  if (equations_.empty()) return;
  if (!equations_.know(number, bytes) || !take_solutions(now)) {
    contradict();
    ++counts_.verdicts.at(static_cast<std::size_t>(RepairVerdict::contradiction));
  }
  settle_counts();
}

RepairVerdict RepairDecoder::on_repair(const RepairSymbol& repair, TimePoint now) {
  expire(now);
  const RepairVerdict verdict = read(repair, now);
  if (verdict == RepairVerdict::contradiction) contradict();
  ++counts_.verdicts.at(static_cast<std::size_t>(verdict));
  settle_counts();
  return verdict;
}

RepairVerdict RepairDecoder::read(const RepairSymbol& repair, TimePoint now) {
  if (repair.count == 0 || repair.count > kMaxRepairWindow || repair.first > kLastRepairNumber ||
      repair.coded.size() < kSymbolPrefixBytes || repair.coded.size() > kMaxCodedBytes) {
    return RepairVerdict::malformed;
  }
  if (repair.first < store_.floor()) return RepairVerdict::late;
  if (!reduce(repair)) return RepairVerdict::malformed;
  if (terms_.empty()) return RepairVerdict::redundant;
  switch (equations_.add(terms_, sum_, now)) {
    case EquationSystem::Outcome::redundant:
      return RepairVerdict::redundant;
    case EquationSystem::Outcome::contradiction:
      return RepairVerdict::contradiction;
    case EquationSystem::Outcome::no_room:
      return RepairVerdict::late;
    case EquationSystem::Outcome::kept:
      break;
  }
  return take_solutions(now) ? RepairVerdict::kept : RepairVerdict::contradiction;
}

bool RepairDecoder::reduce(const RepairSymbol& repair) {
  terms_.clear();
  for (std::size_t i = 0; i < repair.count; ++i) {
    const std::uint64_t number = repair.first + i;
    if (!store_.contains(number)) terms_.push_back({number, repair_coefficient(repair.seed, number)});
  }
  // Nothing of it is missing, as a rule: then the sum is not looked at.
  if (terms_.empty()) return true;
  sum_.assign(repair.coded.begin(), repair.coded.end());
  for (std::size_t i = 0; i < repair.count; ++i) {
    const std::uint64_t number = repair.first + i;
    const auto symbol = store_.find(number);
    if (!symbol) continue;
    if (kSymbolPrefixBytes + symbol->size() > sum_.size()) return false;
    add_coded(sum_, repair_coefficient(repair.seed, number), *symbol);
  }
  return true;
}

bool RepairDecoder::take_solutions(TimePoint now) {
  for (const EquationSystem::Solution& solution : equations_.solutions()) {
    const auto symbol = symbol_in(solution.coded);
    if (!symbol) return false;
    recovered_.push_back({solution.number, *symbol});
  }
  std::sort(recovered_.begin(), recovered_.end(),
            [](const Recovered& left, const Recovered& right) { return left.number < right.number; });
  for (const Recovered& recovered : recovered_) store_.put(recovered.number, recovered.bytes, now);
  counts_.recovered += recovered_.size();
  return true;
}

/// What is wrong can't be told apart from what is right.
void RepairDecoder::contradict() {
  recovered_.clear();
  equations_.reset();
}

void RepairDecoder::settle_counts() {
  counts_.dropped = dropped_before_ + equations_.dropped();
  for (const std::uint64_t number : equations_.given_up()) {
    if (first_ && number >= *first_) ++counts_.given_up;
  }
  equations_.clear_given_up();
}

void RepairDecoder::expire(TimePoint now) {
  recovered_.clear();
  equations_.clear_solutions();
  store_.expire(now);
  equations_.give_up_before(now - limits_.age);
  settle_counts();
}

void RepairDecoder::restart() {
  recovered_.clear();
  equations_.reset();
  settle_counts();
  dropped_before_ = counts_.dropped;
  equations_ = EquationSystem(equation_limits(limits_));
  store_.clear();
  sum_ = std::vector<std::uint8_t>();
  terms_ = std::vector<EquationSystem::Term>();
  first_ = std::nullopt;
}

bool RepairDecoder::drop_oldest() {
  recovered_.clear();
  equations_.clear_solutions();
  const bool dropped = store_.drop_oldest() || equations_.drop_lowest_equation();
  settle_counts();
  return dropped;
}

std::size_t RepairDecoder::memory() const {
  return store_.memory() + equations_.memory() + sum_.capacity() + terms_.capacity() * sizeof(terms_[0]);
}

}  // namespace mptunnel
