#include "mptunnel/net/receive_budget.h"

#include <algorithm>

namespace mptunnel {

bool ReceiveBudget::take(const ReceiveResult& result) {
  const std::size_t slots = result.batches.size();
  if (slots == 0) return false;
  std::size_t datagrams = 0;
  for (const Received& received : result.batches) datagrams += datagrams_in(received.batch);
  in_each_ = std::max<std::size_t>(1, datagrams / slots);
  left_ -= std::min(left_, datagrams);
  return result.more && left_ > 0;
}

}  // namespace mptunnel
