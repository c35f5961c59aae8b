#include "mptunnel/engine/client_addressing.h"

#include <algorithm>

#include "mptunnel/engine/client_state.h"
#include "mptunnel/session/inner_routes.h"

namespace mptunnel {
namespace {

/// Whether a device may have what the server chose: an address of a host, in a network that is no large part
/// of the internet.
bool may_have(const InnerPrefix& given) {
  const IpAddress address = address_of(given);
  const AddressPrefix own{address, given.length};
  const bool is_ipv4 = given.family == Family::ipv4;
  const bool is_network = own.length + 1U < address.bits() && address == own.network().address;
  return address.is_host() && !own.is_broadcast(address) && !is_network &&
         own.length >= (is_ipv4 ? kWidestIpv4Given : kWidestIpv6Given);
}

/// Whether the server may answer this to that entry.
bool fits(const InnerEntry& answer, const InnerEntry& question) {
  if (answer.kind != question.kind || answer.prefix.family != question.prefix.family) return false;
  if (answer.verdict != InnerVerdict::given) return true;
  switch (question.kind) {
    case InnerKind::address:
      return answer.prefix.octets == question.prefix.octets;
    case InnerKind::network:
      return answer.prefix == question.prefix;
    case InnerKind::automatic:
      return may_have(answer.prefix);
    case InnerKind::server:
      break;
  }
  return false;
}

/// Whether the answer is one to this question: its entries, and those of the server behind them.
bool fits(const std::vector<InnerEntry>& answer, const std::vector<InnerEntry>& question) {
  if (answer.size() < question.size()) return false;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    if (i < question.size() ? !fits(answer[i], question[i]) : answer[i].kind != InnerKind::server)
      return false;
  }
  return true;
}

/// Another client may leave, and a keyring that is read again may keep it for this one.
bool may_become_free(const InnerEntry& entry) {
  return entry.verdict == InnerVerdict::taken || entry.verdict == InnerVerdict::no_room ||
         entry.verdict == InnerVerdict::not_allowed;
}

}  // namespace

TimePoint ClientAddressing::deadline() const {
  return state_.inner && state_.link.current() != nullptr ? state_.inner->next_question : kNever;
}

void ClientAddressing::on_session(TimePoint now) {
  if (!state_.inner) return;
  ClientInner& inner = *state_.inner;
  inner.phase = ClientInner::Phase::asking;
  ++inner.sequence;
  inner.next_question = now;
  inner.patience = kInnerAskedAgain;
}

void ClientAddressing::run(Output& out, TimePoint now) {
  if (now < deadline()) return;
  ClientInner& inner = *state_.inner;
  LinkEpoch& epoch = *state_.link.current();
  if (!epoch.can_carry_inner() || !epoch.keys().peer_knows(FrameType::addresses_wanted)) {
    give_up(epoch.keys().is_clear(), out);
    return;
  }
  const std::vector<std::uint8_t> bytes = inner_entry_bytes(inner.wanted, false);
  const AddressesWantedFrame question{inner.sequence, static_cast<std::uint8_t>(inner.wanted.size()), bytes};
  const bool is_sent = state_.link.can_seal(now) &&
                       state_.sender.send_control(epoch, {question}, state_.paths.carrying(now), out, now);
  inner.next_question = now + (is_sent ? inner.patience : kInnerAskedAgain);
  if (!is_sent) return;
  inner.patience = std::min<Duration>(2 * inner.patience, kInnerAskedAgainMost);
}

void ClientAddressing::give_up(bool is_clear, Output& out) {
  ClientInner& inner = *state_.inner;
  inner.next_question = kNever;
  inner.phase = ClientInner::Phase::unsupported;
  inner.given.clear();
  out.events.emplace_back(InnerUnsupported{is_clear});
}

bool ClientAddressing::on_given(const LinkEpoch& epoch, const AddressesGivenFrame& frame, Output& out,
                                TimePoint now) {
  std::vector<InnerEntry> answer = entries_of(frame);
  if (!state_.inner || !fits(answer, state_.inner->wanted)) {
    state_.context.drops.add(Drop::unexpected_frame);
    return false;
  }
  ClientInner& inner = *state_.inner;
  // To an older question, or of an older session.
  if (&epoch != state_.link.current() || frame.sequence != inner.sequence) return false;
  for (std::size_t i = 0; i < inner.wanted.size(); ++i) {
    InnerEntry& wanted = inner.wanted[i];
    if (wanted.kind == InnerKind::automatic && answer[i].verdict == InnerVerdict::given)
      wanted.prefix.octets = answer[i].prefix.octets;
  }
  const bool is_first = inner.phase == ClientInner::Phase::asking;
  inner.phase = ClientInner::Phase::answered;
  // One answer to each question: a late one to its repeat would undo what came since.
  ++inner.sequence;
  const bool is_refused = std::any_of(answer.begin(), answer.end(), may_become_free);
  inner.next_question = now + (is_refused ? kInnerRefusedAgain : kInnerAskedAnew);
  inner.patience = kInnerAskedAgain;
  if (answer != inner.given) out.events.emplace_back(InnerAddresses{answer});
  inner.given = std::move(answer);
  return is_first;
}

}  // namespace mptunnel
