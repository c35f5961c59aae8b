#include "mptunnel/ports/known_addresses.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "mptunnel/config/text.h"
#include "mptunnel/host/log.h"

namespace mptunnel {
namespace {

/// As KnownName::host; empty for a host that needs no name server.
std::string key_of(const HostPort& name) {
  if (parse_numeric_endpoint(name.host, 0) || name.host.find('%') != std::string::npos) return {};
  std::string host = lower_case(name.host);
  if (host.ends_with('.')) host.pop_back();
  return host == "localhost" ? std::string() : host;
}

auto place_of(std::vector<KnownName>& names, const std::string& host) {
  return std::find_if(names.begin(), names.end(),
                      [&host](const KnownName& name) { return name.host == host; });
}

}  // namespace

KnownAddresses::KnownAddresses(std::string path, Clock& clock)
    : path_(std::move(path)), clock_(clock), alarm_(clock.make_alarm([this] { write(); })) {
  if (path_.empty()) return;
  auto names = read_address_file(path_);
  if (names) {
    names_ = std::move(*names);
  } else {
    said_problem_ = true;
    log_warning("{}; the addresses of bridges are neither read from it nor kept there: remove it",
                names.error());
  }
}

KnownAddresses::~KnownAddresses() {
  // Nobody waits for the loop any more.
  for (int tries = 0; !changed_.empty() && tries < kBusyTries; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    write();
  }
}

std::vector<Endpoint> KnownAddresses::find(const HostPort& name) const {
  const std::string host = key_of(name);
  std::vector<Endpoint> addresses;
  for (const KnownName& known : names_) {
    if (known.host != host) continue;
    for (const Endpoint& address : known.addresses) addresses.push_back(address.with_port(name.port));
  }
  return addresses;
}

void KnownAddresses::note(const HostPort& name, const Endpoint& address) {
  const std::string host = key_of(name);
  // 0.0.0.0 is this host, as a resolver that blocks names answers it: no address to come back to.
  if (path_.empty() || host.empty() || address.is_any()) return;
  const Endpoint plain = address.with_port(0);
  auto known = place_of(names_, host);
  if (known == names_.end()) known = names_.insert(names_.end(), KnownName{host, {}});
  auto& addresses = known->addresses;
  if (!addresses.empty() && addresses.front() == plain) return;
  std::erase(addresses, plain);
  addresses.insert(addresses.begin(), plain);
  addresses.resize(std::min(addresses.size(), kMaxKnownAddresses));
  if (const auto old = place_of(changed_, host); old != changed_.end()) changed_.erase(old);
  changed_.push_back(*known);
  const TimePoint soon = clock_.now() + kWriteAfter;
  alarm_->set(last_written_ == kNever ? soon : std::max(soon, last_written_ + kWriteEach));
}

void KnownAddresses::write() {
  last_written_ = clock_.now();
  const auto written = update_address_file(path_, changed_);
  if (written) {
    changed_.clear();
    busy_tries_ = 0;
    return;
  }
  // Another mpclient has it for a moment.
  const bool is_busy = written.error().is_busy && ++busy_tries_ < kBusyTries;
  alarm_->set(clock_.now() + (is_busy ? kWriteAfter : kWriteEach));
  if (is_busy || std::exchange(said_problem_, true)) return;
  log_info("{}: the addresses of bridges are not kept, which a start without a name server would need",
           written.error().what);
}

}  // namespace mptunnel
