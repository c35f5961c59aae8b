// Linear equations over GF(256) whose unknowns are source symbols that are missing, solved as they come. What
// it is not: a store of what is known; whoever adds an equation has put that in already.
//
// Always in reduced form: each equation has a pivot, an unknown with coefficient 1 that no other equation
// has. One that has no unknown but its pivot is solved.
//
//             a  b  c  d   sum
//     row 1   1  0  7  0   ...     pivot a
//     row 2   0  1  9  0   ...     pivot b
//     row 3   0  0  0  1   ...     pivot d, solved
//
// An unknown that becomes known, or is given up, costs at most one equation.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

class EquationSystem {
 public:
  struct Limits {
    std::size_t unknowns = 0;  ///< at most 65,535
    std::size_t equations = 0;
    std::size_t bytes = 0;  ///< of the sums of all equations
  };
  /// One term of an equation.
  struct Term {
    std::uint64_t number = 0;
    std::uint8_t coefficient = 0;  ///< not 0
  };
  struct Solution {
    std::uint64_t number = 0;
    ConstBytes coded;  ///< the coded form, with as many zeros behind it as the equations had
  };
  enum class Outcome : std::uint8_t {
    kept,
    redundant,      ///< follows from the others
    contradiction,  ///< can't be true beside the others
    no_room,        ///< all unknowns that would have to go for it are newer
  };

  explicit EquationSystem(Limits limits);

  /// Adds the equation: the sum of all terms, which ascend, is `sum`. Whatever can't be kept beside it goes,
  /// the lowest first.
  Outcome add(std::span<const Term> terms, ConstBytes sum, TimePoint now);
  /// A source symbol is known now. False if that contradicts an equation. It need not be an unknown.
  bool know(std::uint64_t number, ConstBytes symbol);
  /// What add() and know() solved since the last clear_solutions(); it is no unknown any more. Valid until
  /// then.
  [[nodiscard]] std::span<const Solution> solutions() const { return solutions_; }
  void clear_solutions();

  /// Gives up unknowns that were first spoken of before `since`.
  void give_up_before(TimePoint since);
  /// Drops all equations and unknowns, and not the memory. The unknowns count as given up.
  void reset();
  /// Drops the equation of the lowest pivot. False if there is none.
  bool drop_lowest_equation();

  /// The numbers of unknowns that were given up since the last clear_given_up().
  [[nodiscard]] std::span<const std::uint64_t> given_up() const { return given_up_; }
  void clear_given_up() { given_up_.clear(); }

  [[nodiscard]] bool empty() const { return active_.empty() && used_rows_ == 0; }
  [[nodiscard]] std::size_t unknowns() const { return active_.size(); }
  [[nodiscard]] std::size_t equations() const { return used_rows_; }
  /// Equations that had to go before they were used up.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  /// Memory that is held.
  [[nodiscard]] std::size_t memory() const;

 private:
  using Column = std::uint16_t;
  enum class RowState : std::uint8_t { free, used, solved };
  struct Row {
    std::vector<std::uint8_t> coefficients;  ///< by column
    std::vector<std::uint8_t> sum;
    Column pivot = 0;
    RowState state = RowState::free;
  };
  struct Unknown {
    std::uint64_t number = 0;
    TimePoint since;  ///< when an equation first spoke of it
  };

  [[nodiscard]] std::optional<Column> find(std::uint64_t number) const;
  /// Where it is among active_, or would be.
  [[nodiscard]] std::vector<Column>::const_iterator place_of(std::uint64_t number) const;
  bool make_room(std::span<const Term> terms, std::size_t sum_bytes);
  void drop_rows_for(std::size_t sum_bytes);
  Column column_of(std::uint64_t number, TimePoint now);
  Row& take_row(ConstBytes sum);
  static void combine(Row& into, std::uint8_t factor, const Row& from);
  [[nodiscard]] std::optional<Column> lowest_of(const Row& row) const;
  void make_pivot(Row& row, Column pivot);
  Outcome settle(Row& row);
  void collect_solutions();
  void free_column(Column column);
  void free_row(Row& row);
  void give_up(Column column);

  Limits limits_;
  std::vector<Row> rows_;
  std::vector<Unknown> unknowns_;
  std::vector<Column> active_;  ///< those in use, by number
  std::vector<Column> free_;    ///< the others
  std::size_t used_rows_ = 0;
  std::vector<Solution> solutions_;
  std::vector<std::uint64_t> given_up_;
  TimePoint oldest_ = kNever;  ///< no unknown is older
  std::uint64_t dropped_ = 0;
};

}  // namespace mptunnel
