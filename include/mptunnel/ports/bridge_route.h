// How routing sends the packets of one path, as of the last look: by which interface, to which machine, and
// what is wrong with it if nothing comes back. It opens no socket and logs nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/time.h"
#include "mptunnel/net/icmp_report.h"
#include "mptunnel/net/interfaces.h"
#include "mptunnel/ports/interface_rules.h"
#include "mptunnel/ports/routing.h"

namespace mptunnel {

class BridgeRoute {
 public:
  /// `mark` is that of the path's socket. `routing` and `table` outlive this.
  BridgeRoute(Routing& routing, const InterfaceTable& table, SendFrom from, std::uint32_t mark);

  /// Where a new socket's packets would go, whatever the present one's source is.
  [[nodiscard]] tl::expected<NextHop, int> choice(const Endpoint& remote) const;
  /// Asks how the packets from `local` go. Returns whether it is another way than at the last look.
  bool look(const Endpoint& remote, const Endpoint& local);
  /// Forgets the last look, and what was refused.
  void reset() {
    hop_.reset();
    forget_icmp();
  }
  /// What ICMP says about packets of the path: explain() believes it for a minute. False if it is not noted,
  /// because there was another a second ago at most: a flood of them shall not make us ask routing all the
  /// time.
  bool note_icmp(const IcmpReport& report, TimePoint now);
  void forget_icmp() { icmp_.reset(); }
  /// What was said before `since` is no news: answers have come after it.
  void forget_icmp_before(TimePoint since) {
    if (icmp_at_ < since) forget_icmp();
  }
  /// The index of the interface that they leave by; 0 if it is not known.
  [[nodiscard]] std::uint32_t interface() const { return hop_ && *hop_ ? (*hop_)->interface : 0; }
  /// The tunnel that they leave over, unless it is configured; null if it is none.
  [[nodiscard]] const NetworkInterface* tunnel() const;

  /// Whether packets for both leave by the same interface: what watches over the one, tunnels above all,
  /// watches over the other as well then.
  [[nodiscard]] bool leaves_alike(const Endpoint& one, const Endpoint& other) const;

  /// Why nothing may come back, in words, with what to do; nullopt if nothing is found. Asks anew, which is
  /// no look.
  [[nodiscard]] std::optional<std::string> explain(const Endpoint& remote, const Endpoint& local,
                                                   TimePoint now) const;
  /// The same, without what ICMP says.
  [[nodiscard]] std::optional<std::string> explain_here(const Endpoint& remote, const Endpoint& local) const;

 private:
  [[nodiscard]] RouteQuestion question(const Endpoint& remote, const Endpoint& local) const;
  [[nodiscard]] std::optional<std::string> explain_neighbour(const Endpoint& next, std::string_view role,
                                                             const NetworkInterface& interface) const;
  [[nodiscard]] std::optional<std::string> explain_filter(const Endpoint& remote, const Endpoint& local,
                                                          const NetworkInterface& interface) const;

  Routing& routing_;
  const InterfaceTable& table_;
  SendFrom from_;
  std::uint32_t mark_;
  std::optional<tl::expected<NextHop, int>> hop_;
  std::optional<IcmpReport> icmp_;
  TimePoint icmp_at_{};
};

/// Who refuses, and what to do, for people.
std::string words_of(const IcmpReport& report);

/// Whether the error says that routing has no way there, and not that it could not be asked.
bool is_no_route(int error);

}  // namespace mptunnel
