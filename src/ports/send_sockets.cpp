#include "mptunnel/ports/send_sockets.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// What stands for so long, and would take longer than the other to leave, is more than a burst.
constexpr Duration kJamWindow = 25ms;
constexpr Duration kJamAge = 20ms;
/// The same if fast lines beside it hide how slowly it leaves.
constexpr std::size_t kJamBytes = std::size_t{256} << 10U;
constexpr Duration kOwnSocketRest = 10s;
constexpr Duration kReleaseEach = 1s;

}  // namespace

Outlet* SendSockets::find(SessionHandle session, PathId path, const Route& route) {
  if (closings_ != listeners_.closings()) forget();
  DatagramSocket* socket = listeners_.find(route);
  if (socket == nullptr) return nullptr;
  if (!moved_.empty()) {
    const auto found = moved_.find(key_of(session, path));
    if (found != moved_.end() && found->second->instead_of == socket) return found->second;
  }
  for (const auto& shared : shared_) {
    if (shared->socket == socket) return shared.get();
  }
  auto& made = shared_.emplace_back(std::make_unique<Shared>());
  made->socket = socket;
  made->queue = SendQueue(SendQueue::Limit::none);
  return made.get();
}

void SendSockets::forget() {
  closings_ = listeners_.closings();
  moved_.clear();
  own_.clear();
  shared_.clear();
}

void SendSockets::note(const Outlet& outlet, SessionHandle session, PathId path, std::size_t bytes) {
  for (const auto& shared : shared_) {
    if (shared.get() == &outlet && shared->is_watched) shared->senders[key_of(session, path)] += bytes;
  }
}

void SendSockets::settle(TimePoint now) {
  if (closings_ != listeners_.closings()) forget();
  for (const auto& shared : shared_) watch(*shared, now);
  if (own_.empty() || now < next_release_) return;
  next_release_ = now + kReleaseEach;
  release(now);
}

void SendSockets::watch(Shared& shared, TimePoint now) {
  const std::size_t residue = shared.queue.residue();
  if (residue < kFreeQueueBytes) {
    if (shared.is_watched) shared.senders.clear();
    shared.is_watched = false;
    return;
  }
  if (!std::exchange(shared.is_watched, true)) {
    shared.since = now;
    shared.least = residue;
  }
  shared.least = std::min(shared.least, residue);
  if (now - shared.since < kJamWindow) return;
  if (is_jammed(shared)) move_senders(shared, now);
  shared.senders.clear();
  shared.since = now;
  shared.least = residue;
}

bool SendSockets::is_jammed(const Shared& shared) {
  if (shared.least >= kJamBytes) return true;
  const auto age = shared.queue.age();
  return age && *age >= kJamAge;
}

void SendSockets::move_senders(Shared& shared, TimePoint now) {
  std::vector<std::pair<std::size_t, Key>> most;
  most.reserve(shared.senders.size());
  for (const auto& [key, bytes] : shared.senders) most.emplace_back(bytes, key);
  std::sort(most.rbegin(), most.rend());
  if (most.size() > kMovedAtOnce) most.resize(kMovedAtOnce);
  for (const auto& [bytes, key] : most) {
    if (moved_.size() >= kMovedPaths && !moved_.contains(key)) continue;
    if (Own* own = own_outlet(shared, key, now)) moved_[key] = own;
  }
}

SendSockets::Own* SendSockets::own_outlet(const Shared& shared, Key key, TimePoint now) {
  if (own_.size() < kOwnSendSockets) {
    auto own = std::make_unique<Own>();
    own->opened = listeners_.open_sender(*shared.socket);
    if (own->opened != nullptr) {
      own->socket = own->opened.get();
      own->instead_of = shared.socket;
      own->since = now;
      return own_.emplace_back(std::move(own)).get();
    }
  }
  std::vector<Own*> others;
  for (const auto& own : own_) {
    if (own->instead_of == shared.socket) others.push_back(own.get());
  }
  // A key is a session and, in its last byte, a path: both have their say.
  return others.empty() ? nullptr : others[(key + (key >> 8U)) % others.size()];
}

void SendSockets::release(TimePoint now) {
  const auto is_over = [now](const Own& own) {
    return now - std::max(own.since, own.queue.stood_at()) > kOwnSocketRest;
  };
  std::erase_if(moved_, [&](const auto& entry) { return is_over(*entry.second) || !has_path(entry.first); });
  std::erase_if(own_, [&](const auto& own) { return is_over(*own); });
}

}  // namespace mptunnel
