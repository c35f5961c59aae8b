#include "sim/batch.h"

#include <algorithm>

namespace mptunnel::sim {
namespace {

/// As many as the kernel puts into one buffer.
constexpr std::size_t kMaxCopies = 64;
constexpr std::size_t kMaxBytes = 65535;

bool fits(const Batch& batch, const Copy& copy) {
  const std::size_t size = copy.bytes().size();
  const std::size_t stride = batch.copies.front()->bytes().size();
  return size > 0 && size <= stride && batch.copies.back()->bytes().size() == stride &&
         batch.copies.front()->from == copy.from && batch.copies.front()->marks == copy.marks &&
         batch.copies.size() < kMaxCopies && batch.bytes.size() + size <= kMaxBytes;
}

}  // namespace

std::vector<Batch> make_batches(const std::vector<Copy>& copies, bool coalesce) {
  std::vector<Batch> batches;
  for (const Copy& copy : copies) {
    const ConstBytes bytes = copy.bytes();
    if (batches.empty() || !coalesce || !fits(batches.back(), copy)) {
      batches.emplace_back().stride = std::max<std::size_t>(1, bytes.size());
    }
    batches.back().bytes.insert(batches.back().bytes.end(), bytes.begin(), bytes.end());
    batches.back().copies.push_back(&copy);
  }
  for (Batch& batch : batches) batch.bytes.shrink_to_fit();
  return batches;
}

}  // namespace mptunnel::sim
