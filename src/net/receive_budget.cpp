#include "mptunnel/net/receive_budget.h"

#include <algorithm>

namespace mptunnel {

bool ReceiveBudget::take(const ReceiveResult& result) {
  std::size_t datagrams = 0;
  for (const Received& received : result.batches) datagrams += datagrams_in(received.batch);
  const std::size_t slots = result.batches.size();
  if (slots > 0) {
    const std::size_t of_each = std::max<std::size_t>(1, datagrams / slots);
    batches_ = std::clamp<std::size_t>(kDatagrams / of_each, 8, ReceiveBuffers::kDefaultSlots);
  }
  left_ -= std::min(left_, datagrams);
  return result.more && left_ > 0;
}

}  // namespace mptunnel
