// What the client does because time passes.
//
// Timers, and what each waits for:
//   handshake     no session, a key to renew, or silence while data moves: HANDSHAKE 1 on all paths, repeated
//   confirmation  an epoch that the server has not confirmed: CLIENT_HELLO and PING on all paths, repeated
//   probe         of each path: PING; see probed_path.h
//   path change   unanswered PINGs make a path suspect, then down
//   MTU probe     of each path; see mtu_search.h
//   queue         datagrams that wait for a session expire
//   housekeeping  idle flows, old keys and fragments, samples of the counters, once a second

#include <algorithm>

#include "mptunnel/engine/client_engine.h"

namespace mptunnel {

TimePoint ClientEngine::deadline() const {
  TimePoint first = std::min(next_housekeeping_, queue_.deadline());
  if (is_handshaking_) first = std::min(first, next_handshake_);
  if (next_) first = std::min(first, next_hello_);
  if (current_ && !is_handshaking_ && !next_)
    first = std::min({first, current_->rekey_time(), silence_deadline()});
  if (current_) {
    first = std::min(first, next_rest());
    for (const ClientPath& path : paths_) {
      if (!path.probed.is_available()) continue;
      first = std::min({first, path.probed.next_probe(is_moving_), path.probed.next_change(),
                        path.next_mtu_probe(is_moving_)});
    }
  }
  return first;
}

void ClientEngine::on_deadline(Output& out, TimePoint now) {
  update_moving(now);
  drops_.add(Drop::queue_expired, queue_.expire(now));
  run_path_timers(out, now);
  run_handshake_timers(out, now);
  if (now >= next_housekeeping_) run_housekeeping(out, now);
}

TimePoint ClientEngine::silence_deadline() const {
  if (!is_moving_ || !unanswered_since_) return kNever;
  return *unanswered_since_ + std::max(kSilentAfter, 3 * fastest_rtt().value_or(Duration{}));
}

std::optional<Duration> ClientEngine::fastest_rtt() const {
  std::optional<Duration> fastest;
  for (const ClientPath& path : paths_) {
    if (!path.probed.is_available() || !path.probed.rtt().has_sample()) continue;
    fastest = std::min(fastest.value_or(Duration::max()), path.probed.rtt().smoothed());
  }
  return fastest;
}

void ClientEngine::run_path_timers(Output& out, TimePoint now) {
  if (!current_) return;
  bool changed = now >= next_rest();
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const PathId id{static_cast<std::uint8_t>(i)};
    ProbedPath& path = paths_[i].probed;
    const PathState was = path.state();
    if (path.update(now)) {
      note_path_change(id, was, path.silence(now), path.unanswered(), out);
      changed = true;
    }
    if (now >= path.next_probe(is_moving_)) send_probe(*current_, id, std::nullopt, out, now);
    run_mtu_timer(id, out, now);
  }
  if (changed) update_standby(out, now);
  note_all_down(out, now);
}

void ClientEngine::note_path_change(PathId id, PathState was, Duration silent, std::uint32_t probes,
                                    Output& out) {
  const ProbedPath& path = paths_[id.value].probed;
  out.events.emplace_back(PathChanged{id, was, path.state(), path.rtt().latest(), silent, probes});
}

void ClientEngine::run_mtu_timer(PathId id, Output& out, TimePoint now) {
  ClientPath& path = paths_[id.value];
  if (now < path.next_mtu_probe(is_moving_)) return;
  const auto patience = MtuSearch::Patience::of(path.probed.rtt(), path.probed.answer_share());
  const auto size = path.mtu.probe(patience, is_moving_, now);
  if (!size) return;
  if (const auto sealed = seal_mtu_probe(*current_, id, *size, out, now); !sealed) {
    drops_.add(sealed.error());
    return;
  }
  out.send(*size, PathSet::of(id), SessionHandle{}, current_->local_index());
}

TimePoint ClientEngine::next_rest() const {
  TimePoint first = kNever;
  for (const ClientPath& path : paths_) {
    if (path.called_in && path.enough_since && path.probed.is_available())
      first = std::min(first, *path.enough_since + kRestAfter);
  }
  return first;
}

void ClientEngine::update_standby(Output& out, TimePoint now) {
  std::size_t up = 0;
  for (const ClientPath& path : paths_) {
    if (!path.probed.traits().is_reserve() && path.probed.is_up()) ++up;
  }
  // Those that cost by the byte come last.
  for (const bool metered : {false, true}) {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      ClientPath& own = paths_[i];
      ProbedPath& path = own.probed;
      if (!path.traits().is_reserve() || path.traits().metered != metered) continue;
      const bool is_needed = up < settings_.min_paths;
      if (path.is_up()) ++up;
      if (is_needed) {
        own.enough_since.reset();
      } else if (!own.enough_since) {
        own.enough_since = now;
      }
      // One that took over rests only when the others have proved themselves for a while.
      const bool standby = !is_needed && (!own.called_in || now - *own.enough_since >= kRestAfter);
      if (!path.is_available() || path.is_standby() == standby) continue;
      own.called_in = !standby;
      path.set_standby(standby);
      const PathId id{static_cast<std::uint8_t>(i)};
      out.events.emplace_back(PathStandby{id, standby});
      // The server is to do the same.
      if (current_) send_probe(*current_, id, std::nullopt, out, now);
    }
  }
}

void ClientEngine::note_all_down(Output& out, TimePoint now) {
  const bool any_up =
      std::any_of(paths_.begin(), paths_.end(), [](const ClientPath& p) { return p.probed.carries_data(); });
  if (any_up || !current_) {
    all_down_since_.reset();
    return;
  }
  if (!all_down_since_) all_down_since_ = now;
  if (!is_handshaking_ && !next_) start_handshake(true, now);
  if (said_lost_) return;
  said_lost_ = true;
  out.events.emplace_back(SessionLost{});
}

void ClientEngine::run_handshake_timers(Output& out, TimePoint now) {
  if (current_ && !is_handshaking_ && !next_) {
    if (current_->wants_rekey(now)) {
      start_handshake(false, now);
    } else if (now >= silence_deadline()) {
      start_handshake(true, now);
    }
  }
  if (is_handshaking_ && now >= next_handshake_) send_handshake(out, now);
  if (next_ && now >= next_hello_) send_hellos(out, now);
}

void ClientEngine::start_handshake(bool for_silence, TimePoint now) {
  is_handshaking_ = true;
  is_for_silence_ = for_silence;
  handshaking_since_ = now;
  handshake_backoff_ = kHandshakeRepeat;
  next_handshake_ = now;
  if (next_housekeeping_ == kNever) next_housekeeping_ = now + kHousekeeping;
}

void ClientEngine::hurry_handshake() {
  if (!is_handshaking_ || !last_handshake_ || said_refused_) return;
  handshake_backoff_ = kHandshakeRepeat;
  next_handshake_ = std::min(next_handshake_, *last_handshake_ + kHandshakeRepeat);
}

void ClientEngine::send_handshake(Output& out, TimePoint now) {
  if (!handshake_.has_attempt() || now - handshake_.begun() >= kHandshakeAttemptLife) {
    handshake_.begin(free_index(), now);
  }
  const ConstBytes message = handshake_.message();
  const Bytes packet = out.make_packet(message.size());
  std::copy(message.begin(), message.end(), packet.begin());
  out.send(message.size(), available_paths(), SessionHandle{}, kNoEpoch);

  last_handshake_ = now;
  Duration interval = kHandshakeRepeat;
  if (!is_application_sending_) {
    interval = handshake_backoff_;
    handshake_backoff_ = std::min(2 * handshake_backoff_, Duration{kHandshakeRepeatMax});
  }
  // Jitter keeps many clients of a restarted server apart.
  next_handshake_ =
      now + interval -
      Duration{static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(interval.count() / 8)))};
  if (!said_no_answer_ && !available_paths().empty() && now - *handshaking_since_ >= kNoAnswerAfter) {
    said_no_answer_ = true;
    out.events.emplace_back(NoAnswer{});
  }
}

void ClientEngine::on_handshake2(ConstBytes packet, Output& out, TimePoint now) {
  if (!is_handshaking_) {
    drops_.add(Drop::handshake_stale);
    return;
  }
  const Duration took = handshake_.has_attempt() ? now - handshake_.begun() : Duration{};
  auto epoch = handshake_.read(packet, now);
  if (epoch) {
    hello_life_ = std::clamp<Duration>(3 * fastest_rtt().value_or(took),
                                       std::max<Duration>(hello_life_min_, kHelloLifeMin), kHelloLifeMax);
    next_ = std::move(*epoch);
    next_since_ = now;
    is_handshaking_ = false;
    send_hellos(out, now);
    return;
  }
  drops_.add(epoch.error().drop);
  if (epoch.error().refusal == Refusal::none) return;
  // The answer would be the same again: ask seldom, until somebody has changed a setting.
  next_handshake_ = now + kHandshakeRepeatMax;
  handshaking_since_ = next_handshake_;
  if (said_refused_) return;
  said_refused_ = true;
  out.events.emplace_back(SessionRefused{epoch.error().refusal});
}

void ClientEngine::send_hellos(Output& out, TimePoint now) {
  if (now - *next_since_ >= hello_life_) {
    hello_life_min_ = std::min<Duration>(2 * hello_life_, kHelloLifeMax);
    // The server may have heard us and seal with this key already: another has to follow it, even if the
    // present one turns out to be alive.
    retire(next_, now);
    next_hello_ = kNever;
    start_handshake(false, now);
    return;
  }
  const ClientHelloFrame hello{settings_.identity, process_};
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i].probed.is_available())
      send_probe(*next_, PathId{static_cast<std::uint8_t>(i)}, hello, out, now);
  }
  next_hello_ = now + kHelloRepeat;
}

void ClientEngine::retire(EpochPtr& epoch, TimePoint now) {
  if (!epoch) return;
  // The server may count under this key already.
  if (&epoch == &next_ && session_paths_) epoch->join_paths(session_paths_);
  if (&epoch == &current_) {
    retired_in_ = data_in();
    retired_out_ = data_out();
  }
  if (old_.size() >= kMaxOldEpochs) old_.erase(old_.begin());
  old_.push_back({std::move(epoch), now + kOldKeyOpensFor});
}

void ClientEngine::run_housekeeping(Output& out, TimePoint now) {
  next_housekeeping_ = now + kHousekeeping;
  std::erase_if(old_, [now](const OldEpoch& old) { return now >= old.until; });
  std::vector<FlowId> closed;
  flows_.expire(closed, now);
  close_flows(closed, out, now);
  drops_.add(Drop::fragment_expired, fragments_.expire(now));
  if (session_paths_) {
    for (std::size_t i = 0; i < paths_.size(); ++i) paths_[i].history.sample((*session_paths_)[i], now);
  }
  if (const auto share = sender_.watch().check(now)) note_fragmenting(*share, out, now);
  if (current_) {
    current_->age(now);
    if (!current_->is_usable(now)) retire(current_, now);
  }
  if (!current_ && !is_handshaking_ && !next_) start_handshake(false, now);
}

void ClientEngine::note_fragmenting(double share, Output& out, TimePoint now) {
  const Carriers carriers = this->carriers(now);
  if (!current_ || carriers.paths.empty()) return;
  out.events.emplace_back(fragmenting_event(share, carriers, *current_, mtu_of()));
}

}  // namespace mptunnel
