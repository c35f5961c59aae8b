// One direction of a path with an MTU, and the search that is to find it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "mptunnel/path/mtu_search.h"
#include "mptunnel/path/rtt_estimator.h"

namespace mptunnel::test {

class MtuPath {
 public:
  explicit MtuPath(std::size_t size, Duration round_trip = std::chrono::milliseconds(20))
      : mtu(size), rtt(round_trip) {
    search.start(now);
  }

  /// Until the search wants nothing more, or time is over. Data moves, small packets alone unless `large`.
  void run(Duration span) {
    const TimePoint end = now + span;
    int standing = 0;
    while (true) {
      const TimePoint due = std::max(now, search.next_probe(moving));
      const TimePoint answer = answers_.empty() ? kNever : answers_.front().due;
      TimePoint next = std::min(due, answer);
      if (large) next = std::min(next, next_large_);
      if (next > end) break;
      standing = next > now ? 0 : standing + 1;
      ASSERT_LT(standing, 50) << "it spins";
      now = std::max(now, next);
      if (large && now >= next_large_) {
        search.note_large(now);
        next_large_ = now + large_each;
      }
      if (!answers_.empty() && answers_.front().due <= now) {
        const std::size_t size = answers_.front().size;
        answers_.erase(answers_.begin());
        search.on_seen(size, now);
      }
      if (search.next_probe(moving) <= now) send();
    }
    now = end;
  }

  std::size_t mtu;            ///< what passes
  std::size_t local = 65507;  ///< what the own interface takes; the rest is EMSGSIZE
  Duration rtt;
  double loss = 0;  ///< of probes, and of their answers
  bool moving = true;
  bool large = false;
  Duration large_each = std::chrono::milliseconds(10);
  TimePoint now{std::chrono::seconds(100)};
  MtuSearch search;
  std::vector<std::size_t> probes;  ///< the sizes that were tried
  std::vector<TimePoint> tried;     ///< when

 private:
  struct Answer {
    TimePoint due;
    std::size_t size;
  };

  void send() {
    RttEstimator estimator;
    estimator.add(rtt);
    const auto size = search.probe(MtuSearch::Patience::of(estimator, (1 - loss) * (1 - loss)), moving, now);
    if (!size) return;
    ASSERT_GE(*size, kLeastMtu);
    ASSERT_LE(*size, kMaxPacketBytes);
    probes.push_back(*size);
    tried.push_back(now);
    if (*size > local) {
      search.on_refused(*size, now);
      return;
    }
    const auto is_lost = [this] { return static_cast<double>(random_() % 10000) < loss * 10000; };
    if (*size > mtu || is_lost() || is_lost()) return;
    answers_.push_back({now + rtt, *size});
  }

  std::mt19937_64 random_{7};
  std::vector<Answer> answers_;
  TimePoint next_large_{};
};

}  // namespace mptunnel::test
