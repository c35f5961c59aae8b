#include "mptunnel/engine/tunnel_proof.h"

namespace mptunnel {

void TunnelProof::on_application(std::size_t bytes) {
  for (Probe& probe : probes_) {
    if (!probe.is_open || bytes < probe.bytes + kLeastAddition || bytes > probe.bytes + kMostAddition)
      continue;
    probe.seen.set(bytes - probe.bytes - kLeastAddition);
  }
}

TunnelProof::Verdict TunnelProof::on_answer(std::uint32_t sequence, TimePoint now) {
  Probe& probe = probes_[sequence % probes_.size()];
  if (!is_held_ || !probe.is_open || probe.sequence != sequence) return Verdict::open;
  probe.is_open = false;
  if (answered_++ == 0) since_ = now;
  if (probe.seen.none()) {
    ++unexplained_;
  } else {
    Additions explained = probe.seen;
    for (std::size_t i = 1; i < kVpnPadding; ++i) explained |= (probe.seen << i) | (probe.seen >> i);
    common_ &= explained;
  }
  // A few in many were answered while the route changed.
  const bool is_often_unexplained = unexplained_ >= kProofs && unexplained_ * kProofShare >= answered_;
  if (is_often_unexplained || (answered_ >= kProofsAmidTraffic && common_.none())) {
    end();
    return Verdict::proved;
  }
  const bool is_explained = unexplained_ * kProofShare < answered_ && common_.any();
  if (has_returned_ || !is_explained || answered_ < kReturnsBelieved) return Verdict::open;
  has_returned_ = true;
  return Verdict::returns;
}

}  // namespace mptunnel
