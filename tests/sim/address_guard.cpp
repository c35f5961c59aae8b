#include "sim/address_guard.h"

#include "sim/observer.h"

namespace mptunnel::sim {

void AddressGuard::on_arrival(const Copy& copy) {
  balances_[copy.from.remote].from += copy.bytes().size();
  if (!copy.is_genuine() || !copy.packet->epoch || copy.packet->sender != Side::client) return;
  for (const Frame& frame : copy.packet->frames) {
    const auto* echo = std::get_if<EchoFrame>(&frame);
    if (echo == nullptr) continue;
    const auto challenge = challenges_.find(echo->token);
    if (challenge == challenges_.end() || challenge->second != copy.from.remote) continue;
    proved_.emplace(copy.packet->epoch->client, copy.from.remote);
    proved_for_somebody_.insert(copy.from.remote);
  }
}

void AddressGuard::on_send(const Packet& packet, const Endpoint& to) {
  bool has_data = packet.type == PacketType::data;
  for (const Frame& frame : packet.frames) {
    if (const auto* challenge = std::get_if<ChallengeFrame>(&frame)) challenges_[challenge->token] = to;
    has_data = has_data || std::holds_alternative<FragmentFrame>(frame);
  }
  if (has_data && !proved_.contains({packet.epoch->client, to})) {
    journal_.fail("data goes to {}, which has not proved that it hears the server", to.to_string());
  }
  if (proved_for_somebody_.contains(to)) return;
  Balance& balance = balances_[to];
  balance.to += packet.bytes.size();
  if (balance.to > balance.from) {
    journal_.fail("{} gets {} bytes for {} that came from there: {}", to.to_string(), balance.to,
                  balance.from, describe(packet));
  }
}

}  // namespace mptunnel::sim
