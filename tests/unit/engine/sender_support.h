// A sender with a session, and the far end of its key.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "link_support.h"
#include "mptunnel/engine/link/sender.h"
#include "some_values.h"
#include "support/test_random.h"

namespace mptunnel::test {

/// The peer knows it, by an id of one byte.
inline constexpr OutgoingFlow kOpenFlow{FlowHandle{1}, FlowId{5}, std::nullopt};
/// Bytes of a DATA packet of that flow besides the payload.
inline constexpr std::size_t kDataBytes = kHeaderBytes + kTagBytes + datagram_prefix_bytes(FlowId{5});

struct PathRow {
  std::uint8_t path;
  std::size_t mtu;
  bool is_doubted = false;
};
inline PathViews views_of(const std::vector<PathRow>& rows) {
  PathViews views;
  for (const PathRow& row : rows)
    views.add(PathId{row.path}, {PathState::up, row.mtu, Duration{}, row.is_doubted});
  return views;
}

/// Decides as the test says.
class FakeScheduler final : public Scheduler {
 public:
  using Choose = std::function<Decision(const PathViews&, const DatagramView&, TimePoint)>;
  explicit FakeScheduler(Choose choose) : choose_(std::move(choose)) {}
  Decision choose(const PathViews& paths, const DatagramView& datagram, TimePoint now) override {
    return choose_(paths, datagram, now);
  }

 private:
  Choose choose_;
};

/// No scheduler is given: copies.
struct SenderSide {
  explicit SenderSide(Cipher cipher = Cipher::chacha20_poly1305, std::uint64_t peer_frames = kKnownFrames,
                      const FakeScheduler::Choose& choose = {})
      : far(make_epoch(kServerIndex, kClientIndex, Role::server, cipher)) {
    link.propose(make_epoch(kClientIndex, kServerIndex, Role::client, cipher, peer_frames));
    link.confirm(false, kEpochStart);
    if (choose) context.make_scheduler = [choose] { return std::make_unique<FakeScheduler>(choose); };
    sender = std::make_unique<Sender>(kSession, link, context);
  }
  explicit SenderSide(const FakeScheduler::Choose& choose)
      : SenderSide(Cipher::chacha20_poly1305, kKnownFrames, choose) {}

  void send(const PathViews& paths, std::string_view payload, const OutgoingFlow& flow = kOpenFlow,
            TimePoint now = kEpochStart) {
    sender->send(flow, bytes_of(payload), {}, paths, out, now);
  }
  [[nodiscard]] std::uint64_t drops(Drop drop) const { return context.drops[drop]; }
  [[nodiscard]] KeyEpoch& keys() { return link.current()->keys(); }

  TestRandom random{1};
  LinkContext context{random};
  SessionLink link{4};
  std::unique_ptr<Sender> sender;
  Output out;
  std::unique_ptr<KeyEpoch> far;
};

}  // namespace mptunnel::test
