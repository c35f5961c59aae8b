// What a set of equations determines, by Gaussian elimination over the whole matrix: slow, and shares no code
// with the decoder.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "repair_support.h"

namespace mptunnel::test {

class PlainElimination {
 public:
  PlainElimination() {
    unsigned power = 1;
    for (unsigned i = 0; i < 255; ++i) {
      exp_.at(i) = power;
      log_.at(power) = i;
      power <<= 1U;
      if (power > 255) power ^= 0x11dU;
    }
  }

  /// Which of the missing numbers below `end` the repair symbols determine, with all others known.
  [[nodiscard]] std::set<std::uint64_t> determined(const std::set<std::uint64_t>& missing,
                                                   const std::vector<OwnedRepair>& repairs) const {
    const std::vector<std::uint64_t> columns(missing.begin(), missing.end());
    std::vector<std::vector<unsigned>> matrix;
    for (const OwnedRepair& repair : repairs) {
      std::vector<unsigned> row;
      for (const std::uint64_t number : columns) {
        row.push_back(repair.covers(number) ? repair_coefficient(repair.seed, number) : 0U);
      }
      matrix.push_back(std::move(row));
    }
    eliminate(matrix, columns.size());
    std::set<std::uint64_t> result;
    for (const auto& row : matrix) {
      std::size_t weight = 0;
      std::size_t last = 0;
      for (std::size_t column = 0; column < columns.size(); ++column) {
        if (row[column] == 0) continue;
        ++weight;
        last = column;
      }
      if (weight == 1) result.insert(columns[last]);
    }
    return result;
  }

 private:
  [[nodiscard]] unsigned product(unsigned left, unsigned right) const {
    if (left == 0 || right == 0) return 0;
    return exp_.at((log_.at(left) + log_.at(right)) % 255);
  }
  [[nodiscard]] unsigned quotient(unsigned left, unsigned right) const {
    if (left == 0) return 0;
    return exp_.at((log_.at(left) + 255 - log_.at(right)) % 255);
  }
  void eliminate(std::vector<std::vector<unsigned>>& matrix, std::size_t columns) const {
    std::size_t rank = 0;
    for (std::size_t column = 0; column < columns && rank < matrix.size(); ++column) {
      std::size_t pivot = rank;
      while (pivot < matrix.size() && matrix[pivot][column] == 0) ++pivot;
      if (pivot == matrix.size()) continue;
      std::swap(matrix[rank], matrix[pivot]);
      for (std::size_t row = 0; row < matrix.size(); ++row) {
        const unsigned factor = quotient(matrix[row][column], matrix[rank][column]);
        if (row == rank || factor == 0) continue;
        for (std::size_t i = 0; i < columns; ++i) matrix[row][i] ^= product(factor, matrix[rank][i]);
      }
      ++rank;
    }
  }

  std::array<unsigned, 255> exp_{};
  std::array<unsigned, 256> log_{};
};

}  // namespace mptunnel::test
