#include "mptunnel/ports/candidate_list.h"

#include <algorithm>

namespace mptunnel {

std::vector<Endpoint> interleave_families(const std::vector<Endpoint>& addresses) {
  std::vector<Endpoint> first;
  std::vector<Endpoint> second;
  for (const Endpoint& address : addresses)
    (address.family == addresses.front().family ? first : second).push_back(address);
  std::vector<Endpoint> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

void CandidateList::assign(const std::vector<Endpoint>& addresses, std::optional<Family> only) {
  addresses_ = interleave_families(addresses);
  if (only) std::erase_if(addresses_, [&](const Endpoint& address) { return address.family != *only; });
}

bool CandidateList::contains(const Endpoint& address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

bool CandidateList::has_rival(const Endpoint& address) const {
  return std::any_of(addresses_.begin(), addresses_.end(), [&](const Endpoint& other) {
    return other != address && other.family == address.family;
  });
}

const Endpoint& CandidateList::after(const Endpoint& address) const {
  const auto found = std::find(addresses_.begin(), addresses_.end(), address);
  return found == addresses_.end() || found + 1 == addresses_.end() ? addresses_.front() : *(found + 1);
}

void CandidateList::note_unanswered() {
  if (++unanswered_ % size() == 0) patience_ = std::min(2 * patience_, Duration{kLongestPatience});
}

void CandidateList::note_answered() {
  unanswered_ = 0;
  patience_ = kFirstPatience;
}

}  // namespace mptunnel
