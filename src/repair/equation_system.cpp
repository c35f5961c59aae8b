#include "mptunnel/repair/equation_system.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/repair/galois.h"
#include "mptunnel/repair/symbol.h"

namespace mptunnel {
namespace {

/// Buffers up to this size are kept for the next equation: symbols of ordinary packets allocate nothing.
constexpr std::size_t kKeptSumBytes = 4096;

bool is_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

EquationSystem::EquationSystem(Limits limits) : limits_(limits) {
  MPT_ASSERT(limits.unknowns >= kMaxRepairWindow && limits.unknowns <= 65535 && limits.equations > 0 &&
             limits.bytes >= kMaxCodedBytes);
}

EquationSystem::Outcome EquationSystem::add(std::span<const Term> terms, ConstBytes sum, TimePoint now) {
  if (!make_room(terms, sum.size())) return Outcome::no_room;
  Row& row = take_row(sum);
  for (const Term& term : terms) row.coefficients[column_of(term.number, now)] = term.coefficient;
  for (const Row& other : rows_) {
    if (other.state != RowState::used || &other == &row) continue;
    const std::uint8_t factor = row.coefficients[other.pivot];
    if (factor != 0) combine(row, factor, other);
  }
  const Outcome outcome = settle(row);
  collect_solutions();
  return outcome;
}

bool EquationSystem::know(std::uint64_t number, ConstBytes symbol) {
  const auto column = find(number);
  if (!column) return true;
  Row* without_pivot = nullptr;
  for (Row& row : rows_) {
    if (row.state != RowState::used) continue;
    const std::uint8_t factor = std::exchange(row.coefficients[*column], std::uint8_t{0});
    if (factor == 0) continue;
    if (row.sum.size() < kSymbolPrefixBytes + symbol.size()) return false;
    add_coded(row.sum, factor, symbol);
    if (row.pivot == *column) without_pivot = &row;
  }
  free_column(*column);
  if (without_pivot != nullptr && settle(*without_pivot) == Outcome::contradiction) return false;
  collect_solutions();
  return true;
}

/// Gives a row its pivot. A row without unknowns goes.
EquationSystem::Outcome EquationSystem::settle(Row& row) {
  const auto pivot = lowest_of(row);
  if (pivot) {
    make_pivot(row, *pivot);
    return Outcome::kept;
  }
  const bool is_true = is_zero(row.sum);
  free_row(row);
  return is_true ? Outcome::redundant : Outcome::contradiction;
}

/// A lost symbol is older than those that are only late: what comes costs least where it is no pivot.
std::optional<EquationSystem::Column> EquationSystem::lowest_of(const Row& row) const {
  std::optional<Column> lowest;
  for (const Column column : active_) {
    if (row.coefficients[column] == 0) continue;
    if (!lowest || unknowns_[column].number < unknowns_[*lowest].number) lowest = column;
  }
  return lowest;
}

void EquationSystem::make_pivot(Row& row, Column pivot) {
  const std::uint8_t inverse = galois_inverse(row.coefficients[pivot]);
  scale(row.coefficients, inverse);
  scale(row.sum, inverse);
  row.pivot = pivot;
  for (Row& other : rows_) {
    if (other.state != RowState::used || &other == &row) continue;
    const std::uint8_t factor = other.coefficients[pivot];
    if (factor != 0) combine(other, factor, row);
  }
}

void EquationSystem::combine(Row& into, std::uint8_t factor, const Row& from) {
  if (into.sum.size() < from.sum.size()) into.sum.resize(from.sum.size());
  multiply_add(into.coefficients, factor, from.coefficients);
  multiply_add(Bytes(into.sum).first(from.sum.size()), factor, from.sum);
}

void EquationSystem::collect_solutions() {
  for (Row& row : rows_) {
    if (row.state != RowState::used) continue;
    const auto weight = std::count_if(row.coefficients.begin(), row.coefficients.end(),
                                      [](std::uint8_t coefficient) { return coefficient != 0; });
    if (weight > 1) continue;
    row.state = RowState::solved;
    --used_rows_;
    solutions_.push_back({unknowns_[row.pivot].number, row.sum});
    free_column(row.pivot);
  }
}

void EquationSystem::clear_solutions() {
  if (solutions_.empty()) return;
  solutions_.clear();
  for (Row& row : rows_) {
    if (row.state == RowState::solved) free_row(row);
  }
}

/// Sees to it that an equation fits; false if what would have to go for it is newer than it.
bool EquationSystem::make_room(std::span<const Term> terms, std::size_t sum_bytes) {
  const auto is_new = [this](const Term& term) { return !find(term.number); };
  auto needed = static_cast<std::size_t>(std::count_if(terms.begin(), terms.end(), is_new));
  while (active_.size() + needed > limits_.unknowns) {
    const Column lowest = active_.front();
    if (unknowns_[lowest].number >= terms.front().number) return false;
    give_up(lowest);
  }
  drop_rows_for(sum_bytes);
  return true;
}

void EquationSystem::drop_rows_for(std::size_t sum_bytes) {
  std::size_t longest = sum_bytes;
  for (const Row& row : rows_) {
    if (row.state == RowState::used) longest = std::max(longest, row.sum.size());
  }
  // A row may become as long as the longest.
  while (used_rows_ >= limits_.equations || (used_rows_ + 1) * longest > limits_.bytes) {
    if (!drop_lowest_equation()) return;
  }
}

bool EquationSystem::drop_lowest_equation() {
  Row* lowest = nullptr;
  for (Row& row : rows_) {
    if (row.state != RowState::used) continue;
    if (lowest == nullptr || unknowns_[row.pivot].number < unknowns_[lowest->pivot].number) lowest = &row;
  }
  if (lowest == nullptr) return false;
  ++dropped_;
  free_row(*lowest);
  return true;
}

std::optional<EquationSystem::Column> EquationSystem::find(std::uint64_t number) const {
  const auto found = place_of(number);
  if (found == active_.end() || unknowns_[*found].number != number) return std::nullopt;
  return *found;
}

std::vector<EquationSystem::Column>::const_iterator EquationSystem::place_of(std::uint64_t number) const {
  return std::lower_bound(active_.begin(), active_.end(), number, [this](Column column, std::uint64_t than) {
    return unknowns_[column].number < than;
  });
}

EquationSystem::Column EquationSystem::column_of(std::uint64_t number, TimePoint now) {
  if (const auto found = find(number)) return *found;
  if (unknowns_.empty()) {
    unknowns_.resize(limits_.unknowns);
    active_.reserve(limits_.unknowns);
    for (std::size_t i = limits_.unknowns; i > 0; --i) free_.push_back(static_cast<Column>(i - 1));
  }
  const Column column = free_.back();
  free_.pop_back();
  active_.insert(place_of(number), column);
  unknowns_[column] = {number, now};
  oldest_ = std::min(oldest_, now);
  return column;
}

EquationSystem::Row& EquationSystem::take_row(ConstBytes sum) {
  auto row = std::find_if(rows_.begin(), rows_.end(),
                          [](const Row& candidate) { return candidate.state == RowState::free; });
  if (row == rows_.end()) {
    rows_.reserve(limits_.equations + 1);
    row = rows_.emplace(rows_.end());
    row->coefficients.resize(limits_.unknowns);
  }
  std::fill(row->coefficients.begin(), row->coefficients.end(), std::uint8_t{0});
  row->sum.assign(sum.begin(), sum.end());
  row->state = RowState::used;
  ++used_rows_;
  return *row;
}

void EquationSystem::free_row(Row& row) {
  if (row.state == RowState::used) --used_rows_;
  row.state = RowState::free;
  if (row.sum.capacity() > kKeptSumBytes) row.sum = std::vector<std::uint8_t>();
}

/// No row has it any more.
void EquationSystem::free_column(Column column) {
  active_.erase(place_of(unknowns_[column].number));
  free_.push_back(column);
}

/// One of the equations that have it is used to take it out of the others. That solves none: in the reduced
/// form what can be solved is solved.
void EquationSystem::give_up(Column column) {
  for (Row& row : rows_) {
    if (row.state != RowState::used || row.coefficients[column] == 0) continue;
    if (row.pivot != column) make_pivot(row, column);
    ++dropped_;
    free_row(row);
    break;
  }
  given_up_.push_back(unknowns_[column].number);
  free_column(column);
}

void EquationSystem::give_up_before(TimePoint since) {
  if (oldest_ >= since) return;
  oldest_ = kNever;
  for (std::size_t i = 0; i < active_.size();) {
    const Column column = active_[i];
    if (unknowns_[column].since < since) {
      give_up(column);
    } else {
      oldest_ = std::min(oldest_, unknowns_[column].since);
      ++i;
    }
  }
}

void EquationSystem::reset() {
  for (Row& row : rows_) {
    if (row.state == RowState::used) ++dropped_;
    if (row.state == RowState::used) free_row(row);
  }
  while (!active_.empty()) give_up(active_.back());
  oldest_ = kNever;
}

std::size_t EquationSystem::memory() const {
  std::size_t bytes = rows_.capacity() * sizeof(Row) + unknowns_.capacity() * sizeof(Unknown) +
                      (active_.capacity() + free_.capacity()) * sizeof(Column);
  for (const Row& row : rows_) bytes += row.coefficients.capacity() + row.sum.capacity();
  return bytes;
}

}  // namespace mptunnel
