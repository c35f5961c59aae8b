#include "sim/traffic.h"

#include <algorithm>

#include "sim/client_host.h"
#include "sim/server_host.h"

namespace mptunnel::sim {
namespace {

constexpr Duration kTargetThinksAtMost = 2ms;

}  // namespace

std::optional<TimePoint> Application::first_answer_to(TimePoint since) const {
  std::optional<TimePoint> first;
  for (const RoundTrip& trip : round_trips) {
    if (trip.asked >= since && (!first || trip.answered < *first)) first = trip.answered;
  }
  return first;
}

Application& Traffic::add(ClientHost& host, const Endpoint& endpoint, std::uint64_t hash,
                          const TrafficOptions& traffic) {
  auto application = std::make_unique<Application>();
  application->number = static_cast<std::uint16_t>(applications_.size());
  application->host = &host;
  application->endpoint = endpoint;
  application->hash = hash;
  application->traffic = traffic;
  applications_.push_back(std::move(application));
  return *applications_.back();
}

void Traffic::start(Application& application) {
  application.is_active = true;
  if (application.is_ticking) return;
  application.is_ticking = true;
  context_.events.after(context_.between(0ms, application.traffic.interval),
                        [this, &application] { tick(application); });
}

void Traffic::stop_all() {
  for (const auto& application : applications_) stop(*application);
}

void Traffic::tick(Application& application) {
  application.is_ticking = application.is_active;
  if (!application.is_active) return;
  const TrafficOptions& traffic = application.traffic;
  send(application, traffic.burst, some_size(traffic));
  context_.events.after(context_.between(traffic.interval / 2, traffic.interval * 3 / 2),
                        [this, &application] { tick(application); });
}

std::size_t Traffic::some_size(const TrafficOptions& traffic) {
  return std::max(context_.least_payload,
                  traffic.min_bytes + context_.random.below(traffic.max_bytes - traffic.min_bytes + 1));
}

void Traffic::send(Application& application, std::size_t count, std::size_t bytes) {
  bytes = std::max(bytes, context_.least_payload);
  // The last of a burst may be shorter, as with UDP_GRO.
  std::vector<std::size_t> sizes(bytes == 0 ? 1 : count, bytes);
  if (sizes.size() > 1 && context_.chance(50))
    sizes.back() = std::max(context_.least_payload, 1 + context_.random.below(bytes));
  application.host->from_application(application, sizes);
}

void Traffic::at_target(const TargetPeer& peer, const Packet& packet) {
  Application& sender = application(packet.datagram->application);
  sender.peer = peer;
  if (sender.traffic.push_interval > Duration{} && !sender.is_pushed_to) {
    sender.is_pushed_to = true;
    push(sender);
  }
  if (sender.on_request) sender.on_request(packet.datagram->record);
  if (!sender.traffic.echo) return;
  context_.events.after(
      context_.between(0ms, kTargetThinksAtMost),
      [this, peer, &sender, record = packet.datagram->record] { reply(peer, sender, record); });
}

void Traffic::push(Application& application) {
  application.is_pushed_to = application.is_active;
  if (!application.is_active) return;
  reply(application.peer, application, std::nullopt);
  context_.events.after(application.traffic.push_interval, [this, &application] { push(application); });
}

void Traffic::reply(const TargetPeer& peer, Application& application, std::optional<std::uint32_t> request) {
  server_->from_target(peer, application, some_size(application.traffic), request);
}

void Traffic::at_application(Application& application, const Packet& packet) {
  ++application.received;
  Ledger& ledger = context_.oracle.ledger();
  if (application.on_reply) application.on_reply(packet.datagram->record);
  const auto request = ledger[packet.datagram->record].request;
  if (request) application.round_trips.push_back({ledger[*request].offered, context_.now()});
}

}  // namespace mptunnel::sim
