#include "mptunnel/ports/tun_interface.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "mptunnel/config/limits.h"
#include "mptunnel/host/log.h"
#include "mptunnel/ip/limits.h"
#include "mptunnel/net/route_config.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// How often what fits is asked for, and a device that is gone looked for.
constexpr Duration kTunTick = 1s;
/// How long the end of the program waits for the user's command.
constexpr Duration kDownPatience = 5s;
/// Devices that are tried where the user gave no name.
constexpr int kMostNumbered = 1000;
/// A problem that may go away without a sign: another mpclient has it until it ends.
constexpr std::string_view kDefaultRoute = "default route";
/// Packets that wait for us, of which one may be 64 KiB: a burst of TCP is not to be lost here.
constexpr std::uint32_t kTunQueue = 1000;

bool has_family(const std::vector<AddressPrefix>& addresses, Family family) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const AddressPrefix& own) { return own.address.family == family; });
}

/// Below this Linux takes IPv6 off the device.
std::size_t least_mtu(const TunConfig& config) {
  return config.is_automatic || has_family(config.addresses, Family::ipv6) ? kLeastIpv6Mtu : kLeastTunMtu;
}

std::string free_name() {
  for (int number = 0; number < kMostNumbered; ++number) {
    std::string name = fmt::format("tun{}", number);
    if (interface_number(name) == 0) return name;
  }
  return "tun0";
}

/// Where routes lead into the device already, whoever made them.
std::vector<Prefix> present_routes(const LinkConfig& link) {
  std::vector<Prefix> present;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto routes = list_routes(family, kMainTable);
    if (!routes) continue;
    for (const LinkRoute& route : *routes) {
      if (route.interface == link.index()) present.push_back(route.to);
    }
  }
  return present;
}

FullTunnelSettings full_settings(const LinkConfig& link, std::uint32_t mark) {
  FullTunnelSettings settings;
  settings.interface = link.index();
  settings.name = link.name();
  settings.mark = mark;
  settings.table = kTunTable;
  return settings;
}

std::string text_of(const std::vector<AddressPrefix>& addresses) {
  std::vector<std::string> words;
  words.reserve(addresses.size());
  for (const AddressPrefix& address : addresses) words.push_back(address.to_string());
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace

TunInterface::TunInterface(TunInterfaceSettings settings, const PortContext& context, RandomSource& random,
                           LoopCallback on_readable, std::function<std::optional<std::size_t>()> fitting)
    : settings_(std::move(settings)),
      context_(context),
      on_readable_(std::move(on_readable)),
      fitting_(std::move(fitting)),
      port_(device_, {settings_.copies_dscp, settings_.config.clamps_mss, random.u64()}),
      alarm_(context.clock.make_alarm([this] { on_alarm(); })),
      mtu_(settings_.config.mtu, least_mtu(settings_.config), kMostTunMtu),
      addresses_(settings_.config.addresses) {}

TunInterface::~TunInterface() {
  if (was_up_) run_hook(settings_.config.down);
  full_tunnel_.reset();
  clean_up();
  for (const std::string& failure : hooks_.finish(kDownPatience)) log_warning("{}", failure);
}

void TunInterface::clean_up() {
  // Of one that we made nothing stays.
  if (!device_ || !device_->is_persistent()) return;
  for (const Prefix& to : routed_) static_cast<void>(remove_route({.to = to, .interface = link_->index()}));
  for (const AddressPrefix& address : added_) static_cast<void>(link_->remove_address(address));
}

tl::expected<void, std::string> TunInterface::start() {
  if (auto opened = open(); !opened) return opened;
  // Without the right to, there is nothing that we could have left.
  static_cast<void>(FullTunnelRoutes::remove_leftovers(full_settings(*link_, settings_.mark)));
  set_up();
  log_info("device {}: {}, {}", name_, addresses_.empty() ? "waits for addresses" : text_of(addresses_),
           words_of(device_->offload()));
  alarm_->set(context_.clock.now() + kTunTick);
  return {};
}

tl::expected<void, std::string> TunInterface::open() {
  const std::string& wanted = settings_.config.name;
  auto device = TunDevice::open({.name = wanted.empty() ? free_name() : wanted});
  if (!device) return tl::make_unexpected(std::move(device.error()));
  device_.emplace(std::move(*device));
  name_ = device_->name();
  link_.emplace(device_->index(), name_);
  watcher_ = std::make_unique<ReadWatcher>(context_.loop, device_->fd(), [this] { on_readable_(); });
  port_.on_open();
  added_.clear();
  routed_.clear();
  seen_.reset();
  is_unsure_ = false;
  return {};
}

void TunInterface::set_up() {
  apply_mtu();
  apply_addresses();
  if (!link_->is_up()) note("up", link_->set_up(true));
  // What was made beforehand keeps what its owner gave it.
  if (!device_->is_persistent()) note("queue", link_->set_queue_length(kTunQueue));
  apply_routes();
  if (addresses_.empty() || is_announced_) return;
  is_announced_ = was_up_ = true;
  run_hook(settings_.config.up);
}

void TunInterface::apply_mtu() {
  const auto mtu = static_cast<std::uint32_t>(mtu_.get());
  port_.set_fitting(mtu);
  tl::expected<void, std::string> set;
  if (link_->mtu() != mtu) set = link_->set_mtu(mtu);
  note("MTU", set);
  // Nobody else tells senders what fits then.
  port_.set_answering(!set && !mtu_.is_fixed());
}

void TunInterface::apply_addresses() {
  const auto has = [](const std::vector<AddressPrefix>& all, const AddressPrefix& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  tl::expected<void, std::string> result;
  // With the first address of a network Linux may take the others of it away.
  std::erase_if(added_, [&](const AddressPrefix& address) {
    if (has(addresses_, address)) return false;
    if (auto removed = link_->remove_address(address); !removed && result) result = std::move(removed);
    return true;
  });
  const auto present = link_->addresses();
  for (const AddressPrefix& address : addresses_) {
    if (present && has(*present, address)) continue;
    auto added = link_->add_address(address);
    if (added && !has(added_, address)) added_.push_back(address);
    if (!added && result) result = std::move(added);
  }
  note("addresses", result);
}

void TunInterface::apply_routes() {
  tl::expected<void, std::string> result;
  // Once for all of them: the table may be large.
  const std::vector<Prefix> present =
      settings_.routes.empty() ? std::vector<Prefix>{} : present_routes(*link_);
  for (const Prefix& to : settings_.routes) {
    if (to.length == 0 || std::find(present.begin(), present.end(), to) != present.end()) continue;
    auto added = add_route({.to = to, .interface = link_->index()});
    if (added) routed_.push_back(to);
    if (!added && result) result = std::move(added);
  }
  note("routes", result);
  apply_default_route();
}

void TunInterface::apply_default_route() {
  // Of a family that the device has no address of, nothing would come back.
  const auto leads_here = [&](Family family) {
    return has_answered_ && has_family(addresses_, family) &&
           std::any_of(settings_.routes.begin(), settings_.routes.end(),
                       [&](const Prefix& to) { return to.length == 0 && to.address.family == family; });
  };
  const std::pair families{leads_here(Family::ipv4), leads_here(Family::ipv6)};
  if (full_tunnel_ && families == full_families_) return note(kDefaultRoute, full_tunnel_->restore());
  full_tunnel_.reset();
  full_families_ = families;
  if (!families.first && !families.second) return note(kDefaultRoute, {});
  FullTunnelSettings settings = full_settings(*link_, settings_.mark);
  settings.ipv4 = families.first;
  settings.ipv6 = families.second;
  full_tunnel_.emplace(settings, log_line);
  const auto started = full_tunnel_->start();
  note(kDefaultRoute, started);
  if (!started) full_tunnel_.reset();
}

void TunInterface::read(const TunPort::Take& take, TimePoint now) {
  if (const int error = port_.read(take, now); error != 0) lose(error);
}

void TunInterface::lose(int error) {
  if (!device_) return;
  log_error("device {} is gone: {}; it is made again as soon as that can be done", name_,
            std::strerror(error));
  full_tunnel_.reset();
  watcher_.reset();
  link_.reset();
  device_.reset();
}

void TunInterface::set_addresses(std::vector<AddressPrefix> addresses) {
  if (addresses == addresses_) return;
  addresses_ = std::move(addresses);
  is_announced_ = false;
  if (device_) set_up();
}

void TunInterface::on_answer() {
  if (std::exchange(has_answered_, true) || !device_) return;
  apply_default_route();
}

void TunInterface::on_interfaces(const InterfaceTable& table) {
  if (!device_) return;
  const NetworkInterface* now = table.find(device_->index());
  // Of one that is removed the descriptor says so.
  if (now == nullptr) return;
  // A change and back shows nothing here, and yet routes went with it.
  is_unsure_ = seen_ && *seen_ == *now;
  if (is_unsure_) return;
  seen_ = *now;
  // Whoever takes it down means that; with up, all that went comes back. With an address go routes.
  if (!now->is_up) return;
  apply_addresses();
  apply_routes();
}

void TunInterface::on_alarm() {
  const TimePoint now = context_.clock.now();
  alarm_->set(now + kTunTick);
  for (const std::string& failure : hooks_.take_failures()) log_warning("{}", failure);
  if (!device_) {
    const auto opened = open();
    note("device", opened);
    if (!opened) return;
    is_announced_ = false;
    set_up();
    log_info("device {} is back", name_);
  }
  mtu_.update(fitting_(), now);
  apply_mtu();
  const bool was_refused = has_problem(kDefaultRoute);
  if (std::exchange(is_unsure_, false) && seen_->is_up) {
    apply_addresses();
    apply_routes();
  } else if (was_refused) {
    apply_default_route();
  }
  if (was_refused && !has_problem(kDefaultRoute))
    log_info("device {}: the default route leads there now", name_);
}

void TunInterface::run_hook(const std::string& command) {
  if (command.empty()) return;
  const std::array<std::string, 3> variables{"MPTUNNEL_DEVICE=" + name_,
                                             "MPTUNNEL_ADDRESSES=" + text_of(addresses_),
                                             fmt::format("MPTUNNEL_MTU={}", mtu_.get())};
  if (const auto run = hooks_.run(command, variables); !run) log_warning("{}", run.error());
}

bool TunInterface::has_problem(std::string_view what) const {
  return std::any_of(problems_.begin(), problems_.end(),
                     [&](const Problem& problem) { return problem.what == what; });
}

void TunInterface::note(std::string_view what, const tl::expected<void, std::string>& result) {
  const auto known = std::find_if(problems_.begin(), problems_.end(),
                                  [&](const Problem& problem) { return problem.what == what; });
  if (result) {
    if (known != problems_.end()) problems_.erase(known);
    return;
  }
  if (known != problems_.end() && known->text == result.error()) return;
  log_warning("{}", result.error());
  if (known != problems_.end()) {
    known->text = result.error();
  } else {
    problems_.push_back({std::string(what), result.error()});
  }
}

TunInterface::Status TunInterface::status() const {
  Status status;
  status.addresses = addresses_;
  status.mtu = mtu_.get();
  for (const Problem& problem : problems_) status.problems.push_back(problem.text);
  if (!device_) return status;
  status.name = device_->name();
  status.offload = device_->offload();
  status.counters = device_->counters();
  return status;
}

}  // namespace mptunnel
