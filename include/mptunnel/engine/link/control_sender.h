// The CONTROL packets of one session, the same at both ends: sealed, and given to paths or to an address.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/link/link_context.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/path/mtu_search.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class ControlSender {
 public:
  /// `link` and `context` outlive the sender. `session` is what the engine's runs are marked with.
  ControlSender(SessionHandle session, SessionLink& link, LinkContext& context)
      : session_(session), link_(link), context_(context) {}
  ControlSender(const ControlSender&) = delete;
  ControlSender& operator=(const ControlSender&) = delete;
  ~ControlSender() = default;

  /// Whether a datagram sent now would leave, as far as keys and paths go.
  [[nodiscard]] bool can_send(const PathViews& paths, TimePoint now) const {
    return !paths.empty() && link_.can_seal(now);
  }
  /// Sends one CONTROL packet with these frames, padded to `at_least` bytes of frames, to each of `paths`:
  /// false if there is none, or the key is spent, which is counted.
  bool send_control(LinkEpoch& epoch, const std::vector<Frame>& frames, PathSet paths, Output& out,
                    TimePoint now, std::size_t at_least = 0, std::uint8_t dscp = 0);
  /// The same, to an address that is no path's yet.
  void send_control_to(const Route& route, LinkEpoch& epoch, const std::vector<Frame>& frames, Output& out,
                       TimePoint now);
  /// The same, but only if it is no larger than `at_most` bytes: otherwise it is counted as `no_path`.
  void send_answer(LinkEpoch& epoch, const std::vector<Frame>& frames, PathId path, std::size_t at_most,
                   Output& out, TimePoint now);
  void send_answer_to(const Route& route, LinkEpoch& epoch, const std::vector<Frame>& frames,
                      std::size_t at_most, Output& out, TimePoint now);
  /// Sends these ACKs of the current epoch by the fastest path, if there is one.
  void send_acks(const std::vector<Frame>& acks, const PathViews& paths, Output& out, TimePoint now);
  /// Sends the MTU probe that is due on this path under the current key, if one is.
  void send_mtu_probe(PathId path, MtuSearch& search, const MtuSearch::Patience& patience, bool moving,
                      Output& out, TimePoint now);
  /// The kernel took `accepted` packets of a run for this path, and refused the others for `drop`. `epoch` is
  /// that of the run; null if it is gone, or the run is of no epoch.
  static void count_sent(LinkEpoch* epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
                         Drop drop, DropCounters& drops);

 protected:
  SessionHandle session_;
  SessionLink& link_;
  LinkContext& context_;

 private:
  std::optional<std::size_t> seal_control(LinkEpoch& epoch, const std::vector<Frame>& frames,
                                          std::size_t at_least, Output& out, TimePoint now);
  std::optional<std::size_t> seal_answer(LinkEpoch& epoch, const std::vector<Frame>& frames,
                                         std::size_t at_most, Output& out, TimePoint now);
};

}  // namespace mptunnel
