// The log lines about one bridge. A problem that lasts is logged once; what comes and goes without end is
// held back and counted (LimitedLog).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/log_level.h"
#include "mptunnel/ports/limited_log.h"

namespace mptunnel {

class BridgeLog {
 public:
  /// `device` is empty if routing decides. `lines`, which outlives this, may outlast the bridge: one that is
  /// made anew each time its interface comes has no more lines for that.
  BridgeLog(std::string name, std::string device, LimitedLog& lines);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& device() const { return device_; }

  /// Packets go to `remote` from now on, and leave from `local`; before they went to `before`, if it is set.
  void turned_to(const Endpoint& remote, const Endpoint& local, const Endpoint& before);
  /// Its name does not resolve, for this reason: what answered before is used from now on.
  void uses_known(const Endpoint& remote, const std::string& why);
  /// The same, as one attempt of several: at debug level; answers() logs the address that works.
  void attempts(const Endpoint& remote);
  /// The address in use answers.
  void answers(const Endpoint& remote, const Endpoint& local);
  /// The other port, `before`, got no answer: this one is tried, at debug level; answers() logs the one that
  /// works.
  void tries_port(const Endpoint& local, const Endpoint& before);
  /// What is sent to `remote` is answered from this address, which is sent to from now on, or does not answer
  /// if it is.
  void answers_from(const Endpoint& from, const Endpoint& remote, bool goes_there);
  void sends_from(const Endpoint& local, const Endpoint& before);
  /// Why nothing comes back, perhaps. Each reason once until the address answers.
  void explains(const std::string& why);
  /// Why it has no socket or no address.
  void has_problem(const std::string& problem);
  /// The problem has been logged already: has_problem() shall not do it again.
  void knows_problem(const std::string& problem) { said_problem_ = problem; }
  /// An errno that a send or receive met; returns it in words if it is the first of its kind since the
  /// address answered. Then `explanation` is asked: what this host knows itself is certain, and has a cure,
  /// while such an error may come from ICMP.
  std::optional<std::string> meets_error(
      int error, const Endpoint& remote,
      const std::function<std::optional<std::string>()>& explanation = nullptr);
  /// Data is held back, because packets leave over this tunnel now.
  void leads_over_tunnel(const std::string& interface, const Endpoint& remote);
  /// They no longer leave over a tunnel.
  void leaves_tunnel();
  /// That tunnel does not run through this program.
  void trusts_tunnel(const std::string& interface);

 private:
  void say(LogLevel level, std::string text) { lines_.say(level, std::move(text)); }

  std::string name_;
  std::string device_;
  std::string said_problem_;
  std::set<int> said_errors_;
  std::set<std::string> said_reasons_;
  std::uint16_t said_port_ = 0;                 ///< that it is sent from, as last said
  std::pair<Endpoint, bool> said_elsewhere_{};  ///< answers_from(), as last said
  bool is_attempt_ = false;                     ///< the present address is not known yet
  LimitedLog& lines_;
};

}  // namespace mptunnel
