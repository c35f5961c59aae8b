#include "sim/inner_traffic.h"

namespace mptunnel::sim {
namespace {

const std::string kServer4 = "10.42.42.1";
const std::string kServer6 = "fd00:42::1";

std::string text_of(const InnerPrefix& prefix) {
  return Endpoint{.address = prefix.octets, .family = prefix.family}.address_string();
}

}  // namespace

InnerTraffic::InnerTraffic(World& world, const InnerTrafficOptions& options)
    : world_(world), options_(options) {
  world_.server().set_on_inner(
      [this](std::uint32_t number) { world_.events().after(1ms, [this, number] { answer(number); }); });
}

void InnerTraffic::start() {
  is_active_ = true;
  for (std::size_t client = 0; client < world_.clients(); ++client) tick(client);
}

std::optional<std::string> InnerTraffic::address(std::size_t client) {
  ClientHost& host = world_.client(client);
  if (!host.is_running()) return std::nullopt;
  const auto inner = host.engine().snapshot(world_.now()).session.inner;
  if (!inner || inner->entries.empty() || inner->entries.front().verdict != InnerVerdict::given)
    return std::nullopt;
  return text_of(inner->entries.front().prefix);
}

std::size_t InnerTraffic::some_size() {
  return options_.min_bytes + world_.context().random.below(options_.max_bytes - options_.min_bytes + 1);
}

void InnerTraffic::tick(std::size_t client) {
  if (!is_active_) return;
  send(client);
  world_.events().after(world_.context().between(options_.interval / 2, options_.interval * 3 / 2),
                        [this, client] { tick(client); });
}

void InnerTraffic::send(std::size_t client) {
  ClientHost& host = world_.client(client);
  const auto own = address(client);
  if (!own || !host.reads_device()) return;
  InnerRecord record;
  record.client = static_cast<int>(client);
  record.is_forged = world_.context().chance(options_.forged_percent);
  record.offered_to = host.process();
  record.offered = world_.now();
  record.ecn = options_.ecn;
  const bool is_ipv4 = own->find(':') == std::string::npos;
  std::string source = *own;
  if (record.is_forged) {
    // That of another client, if there is one, or one that nobody has.
    const auto other = address((client + 1) % world_.clients());
    const bool is_same = !other || *other == *own || (other->find(':') == std::string::npos) != is_ipv4;
    source = is_same ? (is_ipv4 ? "10.42.42.250" : "fd00:42::250") : *other;
  }
  const std::uint32_t number =
      world_.context().oracle.inner().offer(record, source, is_ipv4 ? kServer4 : kServer6, some_size());
  host.from_device(number, {static_cast<std::uint16_t>(client), {0, options_.ecn}});
}

void InnerTraffic::answer(std::uint32_t number) {
  if (!world_.server().reads_device()) return;
  const auto client = static_cast<std::size_t>(world_.context().oracle.inner().records()[number].client);
  const auto own = address(client);
  if (!own) return;
  InnerRecord record;
  record.client = static_cast<int>(client);
  record.is_reply = true;
  record.offered_to = world_.server().process();
  record.offered = world_.now();
  record.ecn = options_.ecn;
  const bool is_ipv4 = own->find(':') == std::string::npos;
  const std::uint32_t reply =
      world_.context().oracle.inner().offer(record, is_ipv4 ? kServer4 : kServer6, *own, some_size());
  world_.server().from_device(reply, {static_cast<std::uint16_t>(client), {0, options_.ecn}});
}

InnerTraffic::Tally InnerTraffic::tally(TimePoint since, TimePoint until, bool is_reply) {
  Tally tally;
  for (const InnerRecord& record : world_.context().oracle.inner().records()) {
    if (record.is_forged || record.is_reply != is_reply || record.offered < since || record.offered >= until)
      continue;
    ++tally.offered;
    if (record.delivered) ++tally.delivered;
    if (record.delivered && record.came == Ecn::ce) ++tally.congested;
  }
  return tally;
}

}  // namespace mptunnel::sim
