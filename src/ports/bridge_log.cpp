#include "mptunnel/ports/bridge_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "mptunnel/host/log.h"

namespace mptunnel {
namespace {

/// What a send, or an answer to one, failed with.
std::string words_of(int error, const std::string& remote) {
  switch (error) {
    case ECONNREFUSED:
      return fmt::format("nothing listens on {} (connection refused)", remote);
    case EPERM:
      return fmt::format(
          "a firewall of this host forbids sending to {}: allow it in the output rules of nftables or "
          "iptables",
          remote);
    case EACCES:
      return fmt::format(
          "sending to {} is prohibited, by a route of this host or by a router on the way (ICMP)", remote);
    case ENETUNREACH:
    case EHOSTUNREACH:
      return fmt::format(
          "{} can't be reached: no route of this host leads there, or a router on the way refuses it (ICMP)",
          remote);
    default:
      return fmt::format("sending to {} fails: {}", remote, std::strerror(error));
  }
}

}  // namespace

BridgeLog::BridgeLog(std::string name, std::string device)
    : name_(std::move(name)), device_(std::move(device)) {}

void BridgeLog::turned_to(const Endpoint& remote, const Endpoint& local, const Endpoint& before) {
  said_problem_.clear();
  if (before.is_set() && before != remote) {
    log_info("bridge {} moved from {} to {}", name_, before.to_string(), remote.to_string());
  } else {
    log_info("bridge {} is {}, sending from {}{}{}", name_, remote.to_string(), local.to_string(),
             device_.empty() ? "" : " over ", device_);
  }
}

void BridgeLog::uses_known(const Endpoint& remote, const std::string& why) {
  log_warning("bridge {}: {}; until its name resolves, {} is used, where it answered before", name_, why,
              remote.to_string());
}

void BridgeLog::attempts(const Endpoint& remote) {
  is_attempt_ = true;
  log_debug("bridge {}: trying {}", name_, remote.to_string());
}

void BridgeLog::answers(const Endpoint& remote, const Endpoint& local) {
  if (std::exchange(is_attempt_, false))
    log_info("bridge {} is {}, sending from {}", name_, remote.to_string(), local.to_string());
  said_errors_.clear();
  said_reasons_.clear();
}

void BridgeLog::sends_from(const Endpoint& local, const Endpoint& before) {
  log_info("bridge {} now sends from {} instead of {}", name_, local.to_string(), before.to_string());
}

void BridgeLog::has_problem(const std::string& problem) {
  if (problem == said_problem_) return;
  said_problem_ = problem;
  log_warning("bridge {}: {}; trying again until it works; other paths are not affected", name_, problem);
}

void BridgeLog::explains(const std::string& why, TimePoint now) {
  if (!said_reasons_.insert(why).second || !cause_lines_.take(now)) return;
  log_warning("bridge {}: {}; trying again until it works; other paths are not affected", name_, why);
}

std::optional<std::string> BridgeLog::meets_error(int error, const Endpoint& remote) {
  if (error == EAGAIN || error == ENOBUFS || error == EMSGSIZE || !said_errors_.insert(error).second)
    return std::nullopt;
  std::string problem = words_of(error, remote.to_string());
  log_warning("bridge {}: {}", name_, problem);
  return problem;
}

void BridgeLog::leads_over_tunnel(const std::string& interface, const Endpoint& remote, TimePoint now) {
  if (!cause_lines_.take(now)) return;
  log_warning(
      "bridge {} is reached over {}, a tunnel: until it proves that this is not the VPN that runs through "
      "this program, no data goes that way. If it is, keep the bridge outside: give it dev=INTERFACE, or a "
      "route of its own (ip route add {} via GATEWAY), or set fwmark and a rule for it",
      name_, interface, remote.address_string());
}

void BridgeLog::leaves_tunnel(TimePoint now) {
  if (cause_lines_.take(now)) log_info("bridge {} is no longer reached over a tunnel", name_);
}

void BridgeLog::trusts_tunnel(const std::string& interface, TimePoint now) {
  if (cause_lines_.take(now))
    log_info("bridge {}: {} is not the VPN that runs through this program, data goes over it", name_,
             interface);
}

bool BridgeLog::is_news(TimePoint now) {
  const NewsThrottle::Verdict verdict = throttle_.judge(now);
  if (verdict == NewsThrottle::Verdict::last_news) {
    log_warning(
        "bridge {} is unstable: it loses much, answers late, or comes and goes; further changes are logged "
        "at most every 30 s",
        name_);
  }
  return verdict == NewsThrottle::Verdict::news;
}

}  // namespace mptunnel
