// One path as the server sees it: which address it has, and whether that address has proved that it hears us.
//
//     PINGs of the id, from any address -> unvalidated --- the first ECHO from one of these ---> validated
//     PING with the highest number of the id, from another address, while validated:
//        CHALLENGE to the new address and to the old
//          the new one echoes  -> the path moves; if the old one echoes soon after, it moves back
//          the old one echoes  -> the path stays, and that new address is not tried again for a while
//
// So whoever copies a packet and sends it from elsewhere gains nothing, and a NAT that changes its mapping is
// followed. A copy may come before what it copies: then the genuine packet is the copy, which is why copies
// of PINGs are looked at while a path is not validated or seems to move. Nothing is kept for an address that
// is challenged: its token is a keyed hash of it, so that no number of false addresses displaces the true
// one. An address gets no more bytes than its packet had.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/random.h"
#include "mptunnel/base/time.h"
#include "mptunnel/crypto/siphash.h"
#include "mptunnel/path/loss_watch.h"
#include "mptunnel/path/mtu_search.h"
#include "mptunnel/path/path_history.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/path/queue_watch.h"
#include "mptunnel/path/rtt_estimator.h"
#include "mptunnel/wire/limits.h"
#include "mptunnel/wire/path_report.h"

namespace mptunnel {

class ServerPath {
 public:
  ServerPath(const Route& route, RandomSource& random, TimePoint now);

  /// Until it is validated: where its first PING came from.
  [[nodiscard]] const Route& route() const { return route_; }
  [[nodiscard]] bool is_validated() const { return validated_; }
  [[nodiscard]] const RttEstimator& rtt() const { return rtt_; }
  /// When the client was last heard on this path, or of it: that it hears us on it.
  [[nodiscard]] TimePoint last_heard() const { return std::max({last_control_, last_ping_, last_proxy_}); }
  /// What the client sends on this path does not arrive, but it says by another that it hears us on this one.
  [[nodiscard]] bool is_out_alone() const { return last_proxy_ > std::max(last_control_, last_ping_); }
  /// Validated, and CONTROL was heard from there, or of it, within kServerPathLife.
  [[nodiscard]] bool is_usable(TimePoint now) const;
  /// The client keeps this path in reserve and wants no data on it.
  [[nodiscard]] bool is_standby() const { return standby_; }
  /// And it must carry none even if it is the last: it may lead through the VPN inside.
  [[nodiscard]] bool is_held() const { return held_; }
  /// It is in reserve, and paid by volume: only what is necessary is sent on it.
  [[nodiscard]] bool is_spared() const { return standby_ && metered_; }
  /// The client says that it hears nothing on this path.
  [[nodiscard]] bool is_unheard() const { return unheard_; }
  [[nodiscard]] Duration interval() const { return interval_; }
  /// The share of probes that would be answered, by how many PINGs are missing, as if both ways lost alike.
  /// Large packets may fare worse.
  [[nodiscard]] double answer_share() const { return ping_share_ * ping_share_; }
  /// PINGs that the client promised have not come: after two and a half intervals it is suspect, after three,
  /// and max(3 RTT, 1 s), down. A path that proved nothing yet is new.
  [[nodiscard]] PathState state(TimePoint now) const;
  /// Data goes to paths that are usable, not down and not in standby. If there are none, the other usable
  /// ones may carry it, but for those that are held.
  [[nodiscard]] bool carries_data(TimePoint now) const {
    return is_usable(now) && !standby_ && state(now) != PathState::down;
  }
  /// Whether no later PING came before the one with this order.
  [[nodiscard]] bool is_newest(std::uint64_t order) const { return order >= highest_order_; }
  /// What the client says in its newest PING.
  void on_report(const PathReport& report, std::optional<Duration> round_trip);

  /// The same in a PING that came by another path, because this one may not pass inwards. `order` as in
  /// PingArrival.
  void on_proxy_report(const PathReport& report, std::uint64_t order, TimePoint now);

  /// What a PING calls for.
  struct PingVerdict {
    /// PONG to route(), wherever the PING came from; until the path is validated, to where it came from.
    bool answer = false;
    std::optional<std::uint64_t> challenge;      ///< together with that PONG
    std::optional<std::uint64_t> challenge_new;  ///< alone, to where the PING came from
    std::optional<std::uint64_t> challenge_old;  ///< alone, to route()
  };
  /// A PING, as it arrived.
  struct PingArrival {
    const Route& from;
    std::uint64_t order = 0;  ///< grows with the key epoch and the packet number
    std::size_t bytes = 0;    ///< of the packet
    bool is_copy = false;     ///< the same packet came before; it is genuine all the same
  };
  /// `challenge_bytes` is the size of a CHALLENGE alone: it goes to a new address only for a PING that is no
  /// smaller.
  PingVerdict on_ping(const PingArrival& ping, std::size_t challenge_bytes, RandomSource& random,
                      TimePoint now);
  /// Whether copies of PINGs, and of the ECHOs with them, may say anything.
  [[nodiscard]] bool reads_copies() const { return !validated_ || away_since_.has_value(); }

  enum class EchoVerdict : std::uint8_t { none, validated, moved, stayed };
  EchoVerdict on_echo(std::uint64_t token, const Route& from, TimePoint now);

  MtuSearch mtu;        ///< of what is sent to the client
  PathHistory history;  ///< sampled by the engine
  LossWatch losses;     ///< the same, before that
  QueueWatch queue;
  PathState told = PathState::fresh;  ///< the state that the engine last reported

 private:
  /// PINGs come from elsewhere, and whoever is there is to prove it.
  struct Move {
    SipHashKey key;               ///< of the tokens sent to the new addresses
    std::uint64_t old_token = 0;  ///< sent to the address that the path has
    Route latest;                 ///< of the new addresses
  };
  struct Former {
    Route route;
    std::uint64_t token = 0;
    TimePoint until;
  };
  struct Refused {
    Route route;
    TimePoint until;
  };

  PingVerdict prove(const Route& from, TimePoint now);
  void test(const PingArrival& ping, std::size_t challenge_bytes, PingVerdict& verdict, RandomSource& random,
            TimePoint now);
  [[nodiscard]] bool is_refused(const Route& from, TimePoint now) const;
  void refuse(const Route& from, TimePoint now);
  void take_wishes(const PathReport& report);

  Route route_;
  bool validated_ = false;
  SipHashKey key_;           ///< of the tokens sent while it is not validated
  unsigned challenges_ = 0;  ///< sent until then, to all addresses
  TimePoint challenged_{};
  std::uint64_t highest_order_ = 0;
  std::uint64_t highest_proxy_order_ = 0;    ///< the same of PINGs that came by other paths
  TimePoint last_control_;                   ///< from route_
  TimePoint last_proxy_ = TimePoint::min();  ///< a PING of this path that came by another, and was no older
  TimePoint last_ping_;  ///< from anywhere: of two addresses of a bridge that both live, route_ is one
  RttEstimator rtt_;
  bool standby_ = false;
  bool held_ = false;
  bool metered_ = false;
  bool unheard_ = false;
  double ping_share_ = 1;  ///< of the last 16 PINGs or so that came
  std::uint32_t next_ping_ = 0;
  Duration interval_ = kProbeWhileIdle;  ///< until the next PING, as the client said
  /// The order of the first PING that came from elsewhere after the newest from route_.
  std::optional<std::uint64_t> away_since_;
  std::optional<Move> move_;
  std::optional<Former> former_;
  std::array<Refused, kRefusedAddresses> refused_{};
  std::size_t next_refused_ = 0;
};

}  // namespace mptunnel
