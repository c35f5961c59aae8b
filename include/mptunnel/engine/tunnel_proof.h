// Whether a path that leads over a tunnel device leads through ourselves: the VPN that runs through this
// program may have taken the route to the bridge, and then everything sent on the path comes in again from an
// application, as a larger datagram, mostly encrypted. No data goes on such a path until it is proved that
// this is not so.
//
// The proof: PINGs of sizes that nobody can foresee. Only those that are answered count. One that went
// through ourselves has come in from an application before its answer came, larger by what a VPN puts around
// it. If in that time no datagram of such a size came in, it went another way. An application that sends
// datagrams of all sizes hides that for a while; but then no one addition explains all the answered PINGs,
// because a VPN adds the same to each, up to its padding.
//
// A tunnel that splits datagrams smaller than kBaseMtu, or compresses what is encrypted, is not recognised.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "mptunnel/base/random.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/path_limits.h"

namespace mptunnel {

class TunnelProof {
 public:
  enum class Verdict : std::uint8_t {
    open,     ///< nothing new
    proved,   ///< the path leads elsewhere; it is no longer held
    returns,  ///< what is sent comes back: said once
  };

  /// The path leads over a tunnel from now on.
  void begin(TimePoint now) {
    *this = {};
    is_held_ = true;
    since_ = now;
  }
  void end() { *this = {}; }
  /// Whether data is held back.
  [[nodiscard]] bool is_held() const { return is_held_; }
  /// Since when, or since the first answer: before that there is nothing to prove it by.
  [[nodiscard]] TimePoint since() const { return since_; }
  [[nodiscard]] bool has_returned() const { return has_returned_; }

  /// By how many bytes the next PING is to be longer than usual. Every other is as long as usual, so that the
  /// LoopGuard recognises it if it comes back as it is.
  std::size_t padding(RandomSource& random) {
    is_next_padded_ = !is_next_padded_;
    return is_next_padded_ ? 1 + random.below(kProofPaddingBytes) : 0;
  }
  /// This PING leaves in a packet of so many bytes.
  void on_probe(std::uint32_t sequence, std::size_t bytes, TimePoint now) {
    probes_[sequence % probes_.size()] = {sequence, bytes, {}, true};
    last_probe_ = now;
  }
  /// An application has sent a datagram of so many bytes.
  void on_application(std::size_t bytes);
  /// The PING was answered.
  Verdict on_answer(std::uint32_t sequence, TimePoint now);
  /// When the next PING is due if the path answers; kNever once the verdict stands.
  [[nodiscard]] TimePoint next_probe() const {
    return is_held_ && !has_returned_ ? last_probe_ + kProbeForProof : kNever;
  }

 private:
  /// Additions in bytes, from kLeastAddition on.
  using Additions = std::bitset<kMostAddition - kLeastAddition + 1>;
  struct Probe {
    std::uint32_t sequence = 0;
    std::size_t bytes = 0;
    Additions seen;  ///< what datagrams that came since are larger
    bool is_open = false;
  };

  bool is_held_ = false;
  TimePoint since_{};
  bool has_returned_ = false;
  bool is_next_padded_ = false;
  unsigned answered_ = 0;
  unsigned unexplained_ = 0;              ///< of these, without any datagram of a size that fits
  Additions common_ = Additions().set();  ///< what explains all that were answered, padding included
  TimePoint last_probe_;
  std::array<Probe, 16> probes_{};
};

}  // namespace mptunnel
