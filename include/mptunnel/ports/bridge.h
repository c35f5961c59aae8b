// One path of mpclient as the system sees it: a bridge's name, its addresses, the interface that it is sent
// over, the socket connected to it. What it is not: a judge of whether the path works; the engine is.
//
// A path has no socket, and is not available to the engine, while its name has no address, its interface is
// missing or down, or no route leads to it. rtnetlink reports such changes, both ways, at once.
#pragma once

#include <memory>
#include <string>

#include "mptunnel/base/ids.h"
#include "mptunnel/config/config.h"
#include "mptunnel/net/interfaces.h"
#include "mptunnel/ports/bridge_log.h"
#include "mptunnel/ports/bridge_route.h"
#include "mptunnel/ports/bridge_socket.h"
#include "mptunnel/ports/candidate_list.h"
#include "mptunnel/ports/known_addresses.h"
#include "mptunnel/ports/name_watch.h"
#include "mptunnel/ports/port_context.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class Bridge;

/// Is called about what happens to bridges, though never from within a constructor.
class BridgeEvents {
 public:
  BridgeEvents() = default;
  BridgeEvents(const BridgeEvents&) = delete;
  BridgeEvents& operator=(const BridgeEvents&) = delete;
  virtual ~BridgeEvents() = default;

  /// There is a bridge for this path now; before it becomes available.
  virtual void on_bridge_made(const Bridge& bridge) = 0;
  /// The bridge has a socket now, or has lost it.
  virtual void on_bridge_available(PathId path, bool available) = 0;
  /// The path leads over a tunnel, or no longer: until its far end has proved that it is not the tunnel that
  /// runs through this program, no data may go that way. Before it is available or readdressed.
  virtual void on_bridge_held(PathId path, bool held) = 0;
  /// The bridge has another socket or address, and stayed available meanwhile.
  virtual void on_bridge_readdressed(PathId path) = 0;
  virtual void on_bridge_readable(PathId path) = 0;
  /// The same of elsewhere().
  virtual void on_bridge_elsewhere_readable(PathId path) = 0;
  /// How many genuine packets came by the path so far; it may start anew.
  [[nodiscard]] virtual std::uint64_t received_by(PathId path) const = 0;
};

/// What all bridges of a program share; all of it outlives them.
struct BridgeContext {
  const PortContext& ports;
  const InterfaceTable& interfaces;
  BridgeEvents& events;
  ClientIdentity identity{};
  Duration resolve_interval{};
  std::uint32_t mark = 0;           ///< SO_MARK of the sockets
  KnownAddresses* known = nullptr;  ///< for names that do not resolve; null: none
};

class Bridge {
 public:
  /// Sends over `device`, or as routing says if that is empty. If the configuration gives no source port, it
  /// is derived from the identity and `name`. What it logs goes to `lines`, which outlives it.
  Bridge(PathId id, const BridgeConfig& config, const std::string& name, const std::string& device,
         const BridgeContext& context, LimitedLog& lines);

  /// Looks the name up, and again as NameWatch does.
  void start();
  /// Interfaces or addresses have changed.
  void on_interfaces();
  /// Routes or rules have changed, or may have.
  void on_routes();
  /// The engine's verdict on the path. Until it answers, and while it is down, the name's other addresses are
  /// tried in turn.
  void on_up();
  void on_suspect();
  void on_down();
  /// What is sent on the path comes back to us: it is closed for a while, or until it leads elsewhere.
  void shut_for_loop();
  /// The tunnel that the path leads over is not the one that runs through this program.
  void on_proved();
  /// An errno that a send or receive met. A line is logged for the first of its kind since the path was up.
  void on_error(int error);
  /// What ICMP says of packets that were sent. Anybody may forge it: it explains silence, and changes nothing
  /// else.
  void on_icmp(const IcmpReport& report);
  /// The answer that the path is up by came from this address; before on_up().
  void is_answered_from(const Endpoint& from) { answered_from_ = from; }

  [[nodiscard]] PathId id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return log_.name(); }
  [[nodiscard]] const std::string& device() const { return log_.device(); }
  [[nodiscard]] const BridgeConfig& config() const { return config_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  /// Why it has no socket, or what the system says of the last send, in words; empty if all is well.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// The tunnel that it is reached over, by routing's choice; empty if over none.
  [[nodiscard]] std::string tunnel() const {
    return route_.tunnel() == nullptr ? std::string() : route_.tunnel()->name;
  }
  /// Null while there is no address or no socket.
  [[nodiscard]] DatagramSocket* socket() const { return socket_.get(); }
  /// Gets what comes to the same port from other addresses than remote(): while the path does not answer, and
  /// if that is where its answers come from. Else null.
  [[nodiscard]] DatagramSocket* elsewhere() const { return socket_.elsewhere(); }

 private:
  void on_resolved(const ResolveResult& result);
  /// The name has no address yet, for this reason: takes those at which it answered before, if there are any.
  void use_known(const std::string& why);
  /// Whether remote_ is on the link that its name means now, as far as that names one.
  [[nodiscard]] bool is_on_its_link() const {
    return is_same_device(context_.interfaces, zone_, remote_.scope);
  }
  [[nodiscard]] bool is_link_missing() const {
    const InterfaceTable& table = context_.interfaces;
    return !zone_.empty() && !table.interfaces().empty() && table.find(zone_) == nullptr &&
           interface_number(zone_) == 0;
  }
  /// Takes the first candidate, from this one on, that can be sent to. If there is none the path has no
  /// socket, for the reason that the first gave. `quietly`: one attempt of several.
  void turn_to(const Endpoint& remote, bool quietly = false);
  void try_next();
  void watch_attempt();
  /// The socket or the way has changed: what it leads to has to answer first.
  void await_answer();
  /// Hears what comes from other addresses: not if packets went to one of them a moment ago, because mpserver
  /// still sends there until the path has moved.
  void hear_elsewhere();
  /// The same, or remote() alone if packets go elsewhere.
  void hear_besides();
  /// The path answers: goes on with the address that it answers from. False if that has to answer itself
  /// first.
  bool settle();
  void go_elsewhere(const Endpoint& to);
  void stop_trying();
  /// Sends to remote() again, because what is sent to the address that answered instead is not answered.
  void give_elsewhere_up();
  /// Nothing comes back: tries from another source port.
  void try_port();
  void close(std::string problem);
  /// Sends the way that routing says now. It may be another one without an interface having changed.
  void follow_route();
  /// The same of the address that it sends from. Returns whether socket and address stay as they are.
  bool follow_source();
  /// Has data held back while the path leads over a tunnel that has proved nothing.
  void note_tunnel();
  /// Nothing comes back: says why, if the system knows, now and again until something does.
  void explain_silence();

  PathId id_;
  BridgeConfig config_;
  std::string zone_;  ///< the interface that a link-local address names; empty if none
  const BridgeContext& context_;
  BridgeLog log_;
  NameWatch names_;
  CandidateList candidates_;
  BridgeSocket socket_;
  BridgeRoute route_;
  std::unique_ptr<Alarm> attempt_alarm_;
  std::unique_ptr<Alarm> silence_alarm_;
  std::unique_ptr<Alarm> port_alarm_;   ///< set while the path has a socket and does not answer
  std::unique_ptr<Alarm> known_alarm_;  ///< set while the first lookup may still be in time
  Endpoint remote_;                     ///< the address in use, or tried
  Endpoint answered_from_;              ///< where the answer came from that the path is up by
  Endpoint sent_to_;                    ///< the address that answers instead of remote_, if packets go there
  bool has_moved_ = false;              ///< from an address that answered to remote_, which has not yet
  bool is_elsewhere_proved_ = false;    ///< what was sent there has been answered
  bool may_go_elsewhere_ = true;        ///< nothing that was sent to such an address went unanswered
  std::string problem_;
  std::string explained_;       ///< the problem that explain_silence() found last
  std::uint32_t tunnel_ = 0;    ///< the tunnel that it leads over, by its index; 0 if over none
  std::uint32_t shut_on_ = 0;   ///< the interface that it led over when it was shut for a loop
  unsigned port_turns_ = 0;     ///< source ports tried since the path answered
  std::uint64_t received_ = 0;  ///< by the path, when the present port's turn began
  bool is_up_ = false;
};

}  // namespace mptunnel
