// The log lines about one bridge. A problem that lasts is logged once, and changes without end are throttled.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/time.h"
#include "mptunnel/session/token_bucket.h"

namespace mptunnel {

/// A path that changes all the time is no news: a dozen changes are logged, then one every 30 s.
class NewsThrottle {
 public:
  enum class Verdict : std::uint8_t {
    news,       ///< log it
    last_news,  ///< log instead that further changes are logged rarely
    no_news,    ///< log nothing
  };

  Verdict judge(TimePoint now) {
    if (lines_.take(now)) {
      is_quiet_ = false;
      return Verdict::news;
    }
    if (is_quiet_) return Verdict::no_news;
    is_quiet_ = true;
    return Verdict::last_news;
  }

 private:
  TokenBucket lines_{1.0 / 30, 12};
  bool is_quiet_ = false;
};

class BridgeLog {
 public:
  /// `device` is empty if routing decides.
  BridgeLog(std::string name, std::string device);

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
  void sends_from(const Endpoint& local, const Endpoint& before);
  /// Why nothing comes back, perhaps. Each reason once until the address answers.
  void explains(const std::string& why, TimePoint now);
  /// Why it has no socket or no address.
  void has_problem(const std::string& problem);
  /// The problem has been logged already: has_problem() shall not do it again.
  void knows_problem(const std::string& problem) { said_problem_ = problem; }
  /// An errno that a send or receive met; returns it in words if it is the first of its kind since the
  /// address answered.
  std::optional<std::string> meets_error(int error, const Endpoint& remote);
  /// Data is held back, because packets leave over this tunnel now.
  void leads_over_tunnel(const std::string& interface, const Endpoint& remote, TimePoint now);
  /// They no longer leave over a tunnel.
  void leaves_tunnel(TimePoint now);
  /// That tunnel does not run through this program.
  void trusts_tunnel(const std::string& interface, TimePoint now);
  /// Whether a change of the path's state shall be logged.
  bool is_news(TimePoint now);

 private:
  std::string name_;
  std::string device_;
  std::string said_problem_;
  std::set<int> said_errors_;
  std::set<std::string> said_reasons_;
  TokenBucket cause_lines_{1.0 / 30, 6};  ///< of tunnels and of silence explained
  bool is_attempt_ = false;               ///< the present address is not known yet
  NewsThrottle throttle_;
};

}  // namespace mptunnel
