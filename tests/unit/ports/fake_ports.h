// Ports without a system below them: time that the test moves, names that the test answers, fake sockets.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/ports/port_context.h"
#include "unit/ports/fake_sockets.h"

namespace mptunnel::test {

/// Some flow.
inline constexpr FlowHandle kFlow{7};

class FakeClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  std::unique_ptr<Alarm> make_alarm(LoopCallback callback) override {
    return std::make_unique<FakeAlarm>(*this, std::move(callback));
  }

  /// Fires what becomes due on the way, in order.
  void advance(Duration span) {
    const TimePoint end = now_ + span;
    for (FakeAlarm* next = first(); next != nullptr && next->deadline() <= end; next = first()) {
      now_ = std::max(now_, next->deadline());
      next->fire();
    }
    now_ = end;
  }
  /// How long it is to the next alarm; kNever's distance if none is set.
  [[nodiscard]] Duration to_next_alarm() const {
    const FakeAlarm* next = first();
    return (next == nullptr ? kNever : next->deadline()) - now_;
  }

 private:
  class FakeAlarm final : public Alarm {
   public:
    FakeAlarm(FakeClock& clock, LoopCallback callback) : clock_(clock), callback_(std::move(callback)) {
      clock_.alarms_.push_back(this);
    }
    FakeAlarm(const FakeAlarm&) = delete;
    FakeAlarm& operator=(const FakeAlarm&) = delete;
    ~FakeAlarm() override { std::erase(clock_.alarms_, this); }

    void set(TimePoint deadline) override { deadline_ = deadline; }
    [[nodiscard]] TimePoint deadline() const override { return deadline_; }
    void fire() {
      deadline_ = kNever;
      callback_();
    }

   private:
    FakeClock& clock_;
    LoopCallback callback_;
    TimePoint deadline_ = kNever;
  };

  [[nodiscard]] FakeAlarm* first() const {
    const auto found = std::min_element(
        alarms_.begin(), alarms_.end(),
        [](const auto* one, const auto* other) { return one->deadline() < other->deadline(); });
    return found == alarms_.end() || (*found)->deadline() == kNever ? nullptr : *found;
  }

  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  std::vector<FakeAlarm*> alarms_;
};

/// Routing as the fake sockets have it; what a test replaces is asked instead.
class FakeRouting final : public Routing {
 public:
  explicit FakeRouting(const FakeSockets& sockets) : sockets_(sockets) {}

  /// The interface that packets leave by, and the errno of a question; 0 if there is a way.
  std::function<std::uint32_t(const RouteQuestion&)> interface = [](const RouteQuestion&) { return 1; };
  std::function<int(const RouteQuestion&)> error = [](const RouteQuestion&) { return 0; };
  Endpoint gateway;
  Endpoint source;  ///< what packets leave from if the question has none; unset: as the sockets choose
  bool is_in_table = true;
  NeighbourState neighbours = NeighbourState::unknown;
  ReversePathFilter filter;

  tl::expected<NextHop, int> next_hop(const RouteQuestion& question) override {
    ++asked;
    if (const int code = error(question); code != 0) return tl::unexpected(code);
    const Endpoint chosen = question.source.is_set() ? question.source.with_port(0)
                            : source.is_set()        ? source
                                                     : sockets_.source(question.remote);
    if (!chosen.is_set()) return tl::unexpected(ENETUNREACH);
    return NextHop{interface(question), gateway, chosen};
  }
  bool has_route(const RouteQuestion& /*question*/) override { return is_in_table; }
  NeighbourState neighbour(const Endpoint& /*address*/, std::uint32_t /*interface*/) override {
    return neighbours;
  }
  ReversePathFilter reverse_path_filter(const std::string& /*interface*/) override { return filter; }

  int asked = 0;

 private:
  const FakeSockets& sockets_;
};

struct FakePorts {
  Loop loop;
  FakeClock clock;
  FakeSockets sockets;
  FakeRouting routing{sockets};
  std::vector<Resolver::Callback> questions;  ///< not answered yet
  int asked = 0;
  PortContext context{loop, clock,
                      [this](const HostPort&, Resolver::Callback callback) {
                        ++asked;
                        questions.push_back(std::move(callback));
                        return Resolver::Request();
                      },
                      sockets, routing};

  /// Answers the oldest question.
  void answer(const ResolveResult& result) {
    const Resolver::Callback callback = std::move(questions.front());
    questions.erase(questions.begin());
    callback(result);
  }
  void answer(const std::vector<std::string>& addresses, std::uint16_t port = 4000) {
    std::vector<Endpoint> endpoints;
    for (const std::string& address : addresses)
      endpoints.push_back(parse_numeric_endpoint(address, port).value());
    answer(ResolveResult(std::move(endpoints)));
  }
  void answer_failure(const std::string& why) { answer(ResolveResult(tl::unexpected(why))); }
};

}  // namespace mptunnel::test
