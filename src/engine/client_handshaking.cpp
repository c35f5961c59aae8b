#include <algorithm>

#include "mptunnel/engine/client_parts.h"

namespace mptunnel {

ClientHandshaking::ClientHandshaking(const ClientSettings& settings, ClientState& state, ClientProber& prober)
    : state_(state),
      prober_(prober),
      identity_(settings.identity),
      process_(state.context.random.u64()),
      handshake_(settings.handshake, state.context.random) {}

void ClientHandshaking::on_path(TimePoint now) {
  if (state_.link.current() == nullptr && is_idle()) start(false, now);
  if (is_handshaking_) next_handshake_ = now;
}

void ClientHandshaking::hurry() {
  if (!is_handshaking_ || !last_handshake_ || said_refused_ || closed_for_) return;
  backoff_ = kHandshakeRepeat;
  next_handshake_ = std::min(next_handshake_, *last_handshake_ + kHandshakeRepeat);
}

TimePoint ClientHandshaking::deadline() const {
  TimePoint first = kNever;
  if (is_handshaking_) first = next_handshake_;
  if (state_.link.next() != nullptr) first = std::min(first, next_hello_);
  if (const LinkEpoch* current = state_.link.current(); current != nullptr && is_idle())
    first = std::min({first, current->keys().rekey_time(), silence_deadline()});
  return first;
}

TimePoint ClientHandshaking::silence_deadline() const {
  return state_.activity.is_moving() ? silent_from() : kNever;
}

TimePoint ClientHandshaking::silent_from() const {
  const auto since = prober_.unanswered_since();
  if (!since) return kNever;
  return *since + std::max(kSilentAfter, 3 * state_.paths.fastest_rtt().value_or(Duration{}));
}

void ClientHandshaking::run(Output& out, TimePoint now) {
  if (const LinkEpoch* current = state_.link.current(); current != nullptr && is_idle()) {
    if (current->keys().wants_rekey(now)) {
      start(false, now);
    } else if (now >= silence_deadline()) {
      start(true, now);
    }
  }
  if (is_handshaking_ && now >= next_handshake_) send_handshake(out, now);
  if (state_.link.next() != nullptr && now >= next_hello_) send_hellos(out, now);
}

void ClientHandshaking::check_key(TimePoint now) {
  if (LinkEpoch* current = state_.link.current()) {
    current->keys().age(now);
    if (!current->keys().is_usable(now)) state_.link.retire_current(now);
  }
  if (state_.link.current() == nullptr && is_idle()) start(false, now);
}

void ClientHandshaking::start(bool for_silence, TimePoint now) {
  is_handshaking_ = true;
  is_for_silence_ = for_silence;
  handshaking_since_ = now;
  backoff_ = kHandshakeRepeat;
  next_handshake_ = now;
}

void ClientHandshaking::give_up_handshake() {
  is_handshaking_ = false;
  handshake_.abandon();
}

void ClientHandshaking::send_handshake(Output& out, TimePoint now) {
  if (!handshake_.has_attempt() || now - handshake_.begun() >= kHandshakeAttemptLife)
    handshake_.begin(free_index(), now);
  LinkEpoch* current = state_.link.current();
  const bool is_inside = current != nullptr && !is_for_silence_ && now < silent_from() &&
                         current->keys().is_usable(now) && current->keys().peer_knows(FrameType::handshake);
  if (is_inside) send_inside(*current, out, now);
  if (!is_inside || now - *handshaking_since_ >= kRenewalInsideFor)
    send_outside(state_.paths.available(), out, now);

  last_handshake_ = now;
  Duration interval = kHandshakeRepeat;
  if (closed_for_) {
    interval = kHandshakeRepeatMax;
  } else if (!state_.activity.is_application_sending()) {
    interval = backoff_;
    backoff_ = std::min(2 * backoff_, Duration{kHandshakeRepeatMax});
  }
  // Jitter keeps many clients of a restarted server apart.
  const auto jitter = static_cast<std::uint64_t>(interval.count() / 8);
  next_handshake_ = now + interval - Duration{static_cast<std::int64_t>(state_.context.random.below(jitter))};
  // Beside a session that is kept, SessionLost says it.
  if (current == nullptr && !state_.paths.available().empty()) note_no_answer(out, now);
}

void ClientHandshaking::note_no_answer(Output& out, TimePoint now) {
  if (!no_answer_since_) {
    if (now - *handshaking_since_ < kNoAnswerAfter) return;
    no_answer_since_ = handshaking_since_;
    no_answer_reminder_.start(now);
    out.events.emplace_back(NoAnswer{closed_for_, had_session_});
  } else if (!state_.outage.is_said_again() && no_answer_reminder_.take(now)) {
    out.events.emplace_back(NoAnswer{closed_for_, had_session_, now - *no_answer_since_});
  }
}

std::optional<NoAnswer> ClientHandshaking::no_answer(TimePoint now) const {
  if (!no_answer_since_) return std::nullopt;
  return NoAnswer{closed_for_, had_session_, now - *no_answer_since_};
}

void ClientHandshaking::send_inside(LinkEpoch& epoch, Output& out, TimePoint now) {
  state_.sender.send_control(epoch, {HandshakeFrame{handshake_.message()}}, state_.paths.carrying(now), out,
                             now);
}

void ClientHandshaking::send_outside(PathSet paths, Output& out, TimePoint now) {
  const auto send = [&out](ConstBytes message, PathSet to) {
    const Bytes packet = out.make_packet(message.size());
    std::copy(message.begin(), message.end(), packet.begin());
    out.send(message.size(), to, SessionHandle{}, kNoEpoch);
  };
  const PathSet proved = handshake_.paths_with_cookies(now) & paths;
  if (const PathSet others = paths - proved; !others.empty()) send(handshake_.message(), others);
  for (const PathId path : proved) send(handshake_.message_for(path), PathSet::of(path));
}

void ClientHandshaking::on_cookie(ConstBytes packet, PathId path, Output& out, TimePoint now) {
  const auto read = is_handshaking_ ? handshake_.read_cookie(packet, path, now)
                                    : tl::expected<void, Drop>(tl::unexpected(Drop::handshake_stale));
  if (!read) {
    state_.context.drops.add(read.error());
    return;
  }
  if (handshake_.has_attempt()) send_outside(PathSet::of(path), out, now);
}

SessionIndex ClientHandshaking::free_index() {
  SessionIndex index;
  do {
    index = SessionIndex{static_cast<std::uint32_t>(state_.context.random.u64() >> (64 - kSessionIndexBits))};
  } while (state_.link.find(index) != nullptr);
  return index;
}

void ClientHandshaking::on_answer(ConstBytes packet, Output& out, TimePoint now) {
  if (!is_handshaking_) {
    state_.context.drops.add(Drop::handshake_stale);
    return;
  }
  const Duration took = handshake_.has_attempt() ? now - handshake_.begun() : Duration{};
  auto epoch = handshake_.read(packet, now);
  if (epoch) {
    hello_life_ = std::clamp<Duration>(3 * state_.paths.fastest_rtt().value_or(took),
                                       std::max<Duration>(hello_life_min_, kHelloLifeMin), kHelloLifeMax);
    state_.link.propose(std::move(*epoch));
    next_since_ = now;
    is_handshaking_ = false;
    send_hellos(out, now);
    return;
  }
  state_.context.drops.add(epoch.error().drop);
  if (epoch.error().refusal == Refusal::none) return;
  hold_off(now);
  if (said_refused_) return;
  said_refused_ = true;
  out.events.emplace_back(SessionRefused{epoch.error().refusal});
}

void ClientHandshaking::hold_off(TimePoint now) {
  next_handshake_ = now + kHandshakeRepeatMax;
  handshaking_since_ = next_handshake_;
}

void ClientHandshaking::send_hellos(Output& out, TimePoint now) {
  if (now - *next_since_ >= hello_life_) {
    hello_life_min_ = std::min<Duration>(2 * hello_life_, kHelloLifeMax);
    // The server may have heard us and seal with this key already: another has to follow it, even if the
    // present one turns out to be alive.
    state_.link.retire_next(now);
    next_hello_ = kNever;
    start(false, now);
    return;
  }
  const ClientHelloFrame hello{identity_, process_};
  for (const PathId path : state_.paths.available()) {
    prober_.probe(*state_.link.next(), path, {hello}, out, now);
  }
  next_hello_ = now + kHelloRepeat;
}

bool ClientHandshaking::on_confirmed(bool resumed, Output& out, TimePoint now) {
  const bool had_session = state_.link.current() != nullptr;
  const bool is_counted_on = resumed && state_.link.since().has_value();
  state_.link.confirm(resumed, now);
  if (!is_counted_on) {
    for (const PathId path : state_.paths.all()) state_.paths[path].probed.forgive_silence(now);
  }
  next_hello_ = kNever;
  hello_life_min_ = Duration{};
  give_up_handshake();
  handshaking_since_.reset();
  prober_.note_heard();
  closed_for_.reset();
  no_answer_since_.reset();
  said_refused_ = false;
  had_session_ = true;
  state_.paths.end_outage();
  if (state_.paths.pass_both_ways()) state_.outage.mend(now);
  out.events.emplace_back(SessionStarted{state_.link.current()->keys().cipher(), resumed && had_session});
  return resumed && had_session;
}

void ClientHandshaking::on_close(const LinkEpoch& epoch, CloseReason reason, Output& out, TimePoint now) {
  if (&epoch == state_.link.next()) {
    state_.link.discard_next();
    next_hello_ = kNever;
    if (!said_refused_) out.events.emplace_back(SessionRefused{reason});
    said_refused_ = true;
    start(false, now);
    hold_off(now);
  } else if (&epoch == state_.link.current()) {
    state_.link.retire_current(now);
    out.events.emplace_back(SessionEnded{reason});
    if (reason != CloseReason::shutdown) closed_for_ = reason;
    state_.outage.begin(now, now, closed_for_.has_value());
    if (state_.link.next() != nullptr) return;
    start(false, now);
    if (closed_for_) hold_off(now);
  }
}

void ClientHandshaking::on_heard(const LinkEpoch& epoch, TimePoint now) {
  if (&epoch != state_.link.current() || !epoch.keys().is_usable(now)) return;
  prober_.note_heard();
  state_.outage.note_heard(now);
  if (is_handshaking_ && is_for_silence_) give_up_handshake();
}

void ClientHandshaking::on_paths_changed(Output& out, TimePoint now) {
  const bool has_session = state_.link.current() != nullptr;
  if (!state_.paths.update_outage(has_session, now)) {
    if (has_session && state_.paths.pass_both_ways()) state_.outage.mend(now);
    return;
  }
  // What is held, and answers, shows that the server is alive.
  if (is_idle() && !state_.paths.answer()) start(true, now);
  if (state_.outage.begin(state_.paths.useless_since().value_or(now), now))
    out.events.emplace_back(SessionLost{{}, state_.paths.held_back()});
}

}  // namespace mptunnel
