#include "mptunnel/ports/bridge_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "mptunnel/host/log.h"

namespace mptunnel {

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
  said_error_ = 0;
}

void BridgeLog::sends_from(const Endpoint& local, const Endpoint& before) {
  log_info("bridge {} now sends from {} instead of {}", name_, local.to_string(), before.to_string());
}

void BridgeLog::has_problem(const std::string& problem) {
  if (problem == said_problem_) return;
  said_problem_ = problem;
  log_warning("bridge {}: {}; trying again until it works; other paths are not affected", name_, problem);
}

std::optional<std::string> BridgeLog::meets_error(int error, const Endpoint& remote) {
  if (error == said_error_ || error == EAGAIN || error == ENOBUFS || error == EMSGSIZE) return std::nullopt;
  said_error_ = error;
  std::string problem =
      error == ECONNREFUSED
          ? fmt::format("nothing listens on {} (connection refused)", remote.to_string())
          : fmt::format("sending to {} fails: {}", remote.to_string(), std::strerror(error));
  log_warning("bridge {}: {}", name_, problem);
  return problem;
}

void BridgeLog::leads_over_tunnel(const std::string& interface) {
  if (std::exchange(said_tunnel_, true)) return;
  log_warning(
      "bridge {} is reached over {}, a tunnel: if that tunnel runs through this program, it carries "
      "itself; give the bridge a route, or a dev=INTERFACE, of its own",
      name_, interface);
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
