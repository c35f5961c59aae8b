#include "mptunnel/ports/bridge_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "mptunnel/host/log.h"
#include "mptunnel/net/route_query.h"

namespace mptunnel {
namespace {

constexpr std::size_t kMostReasons = 32;

/// What a send, or an answer to one, failed with.
std::string words_of(int error, const Endpoint& to) {
  const std::string remote = to.to_string();
  switch (error) {
    case ECONNREFUSED:
      return fmt::format("nothing listens on {} (connection refused)", remote);
    case EPERM:
      return fmt::format(
          "a firewall of this host forbids sending to {}: allow it in the output rules of nftables or "
          "iptables",
          remote);
    case EACCES:
    case EINVAL:
      return why_not_routed(error, to);
    case ENETUNREACH:
    case EHOSTUNREACH:
      return fmt::format("{} can't be reached: no route of this host leads there", remote);
    default:
      return fmt::format("sending to {} fails: {}", remote, std::strerror(error));
  }
}

}  // namespace

BridgeLog::BridgeLog(std::string name, std::string device, LimitedLog& lines)
    : name_(std::move(name)), device_(std::move(device)), lines_(lines) {}

void BridgeLog::turned_to(const Endpoint& remote, const Endpoint& local, const Endpoint& before) {
  said_problem_.clear();
  said_port_ = local.port;
  if (before.is_set() && before != remote) {
    say(LogLevel::info,
        fmt::format("bridge {} moved from {} to {}", name_, before.to_string(), remote.to_string()));
  } else {
    say(LogLevel::info, fmt::format("bridge {} is {}, sending from {}{}{}", name_, remote.to_string(),
                                    local.to_string(), device_.empty() ? "" : " over ", device_));
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
  if (std::exchange(is_attempt_, false)) {
    say(LogLevel::info,
        fmt::format("bridge {} is {}, sending from {}", name_, remote.to_string(), local.to_string()));
  } else if (said_port_ != 0 && said_port_ != local.port) {
    say(LogLevel::info,
        fmt::format(
            "bridge {} answers the source port {}, not {}, which a NAT or the bridge itself may still "
            "lead elsewhere",
            name_, local.port, said_port_));
  }
  said_port_ = local.port;
  said_errors_.clear();
  said_reasons_.clear();
}

void BridgeLog::tries_port(const Endpoint& local, const Endpoint& before) {
  log_debug("bridge {}: no answer to source port {}, trying {}", name_, before.port, local.port);
}

void BridgeLog::answers_from(const Endpoint& from, const Endpoint& remote, bool goes_there) {
  if (std::exchange(said_elsewhere_, std::pair(from, goes_there)) == std::pair(from, goes_there)) return;
  const std::string what =
      goes_there
          ? "packets go there from now on; write it in the bridge's line, because a NAT or firewall on "
            "the way would not let such answers pass"
          : "which does not answer itself: both are used";
  say(LogLevel::warning, fmt::format("bridge {}: what is sent to {} is answered from {}{} {}", name_,
                                     remote.to_string(), from.to_string(), goes_there ? ":" : ",", what));
}

void BridgeLog::sends_from(const Endpoint& local, const Endpoint& before) {
  said_port_ = local.port;
  say(LogLevel::info,
      fmt::format("bridge {} now sends from {} instead of {}", name_, local.to_string(), before.to_string()));
}

void BridgeLog::has_problem(const std::string& problem) {
  if (problem == said_problem_) return;
  said_problem_ = problem;
  say(LogLevel::warning,
      fmt::format("bridge {}: {}; trying again until it works; other paths are not affected", name_,
                  problem));
}

void BridgeLog::explains(const std::string& why) {
  // A name whose addresses change all the time has a reason for each.
  if (said_reasons_.size() >= kMostReasons) said_reasons_.clear();
  if (!said_reasons_.insert(why).second) return;
  say(LogLevel::warning,
      fmt::format("bridge {}: {}; trying again until it works; other paths are not affected", name_, why));
}

std::optional<std::string> BridgeLog::meets_error(
    int error, const Endpoint& remote, const std::function<std::optional<std::string>()>& explanation) {
  if (error == EAGAIN || error == ENOBUFS || error == EMSGSIZE || !said_errors_.insert(error).second)
    return std::nullopt;
  if (auto why = explanation ? explanation() : std::nullopt) {
    explains(*why);
    return why;
  }
  std::string problem = words_of(error, remote);
  say(LogLevel::warning, fmt::format("bridge {}: {}", name_, problem));
  return problem;
}

void BridgeLog::leads_over_tunnel(const std::string& interface, const Endpoint& remote) {
  say(LogLevel::warning,
      fmt::format(
          "bridge {} is reached over {}, a tunnel: until it proves that this is not the VPN that runs "
          "through "
          "this program, no data goes that way. If it is, keep the bridge outside: give it dev=INTERFACE, or "
          "a route of its own (ip route add {} via GATEWAY), or set fwmark and a rule for it",
          name_, interface, remote.address_string()));
}

void BridgeLog::leaves_tunnel() {
  say(LogLevel::info, fmt::format("bridge {} is no longer reached over a tunnel", name_));
}

void BridgeLog::trusts_tunnel(const std::string& interface) {
  say(LogLevel::info,
      fmt::format("bridge {}: {} is not the VPN that runs through this program, data goes over it", name_,
                  interface));
}

}  // namespace mptunnel
