#include "mptunnel/engine/client_addressing.h"

#include <algorithm>

#include "mptunnel/engine/client_state.h"

namespace mptunnel {
namespace {

/// Whether the answer is one to this question: its entries, and those of the server behind them.
bool fits(const std::vector<InnerEntry>& answer, const std::vector<InnerEntry>& question) {
  if (answer.size() < question.size()) return false;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const bool is_own = i < question.size();
    if (answer[i].kind != (is_own ? question[i].kind : InnerKind::server)) return false;
    if (is_own && answer[i].prefix.family != question[i].prefix.family) return false;
  }
  return true;
}

bool may_become_free(const InnerEntry& entry) {
  return entry.verdict == InnerVerdict::taken || entry.verdict == InnerVerdict::no_room;
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
  if (state_.link.can_seal(now))
    state_.sender.send_control(epoch, {question}, state_.paths.carrying(now), out, now);
  inner.next_question = now + inner.patience;
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
  inner.next_question = kNever;
  if (std::any_of(answer.begin(), answer.end(), may_become_free)) {
    ++inner.sequence;
    inner.next_question = now + kInnerRefusedAgain;
    inner.patience = kInnerAskedAgain;
  }
  if (answer != inner.given) out.events.emplace_back(InnerAddresses{answer});
  inner.given = std::move(answer);
  return is_first;
}

}  // namespace mptunnel
