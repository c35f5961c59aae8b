#include "sim/congestion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <deque>
#include <optional>

namespace mptunnel::sim {
namespace {

using namespace std::chrono_literals;

constexpr double kFirstWindow = 10;  // RFC 6928
constexpr double kLeastWindow = 2;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// RFC 9438. The first losses end slow start, or a queue (HyStart's delay, as Linux has it; RFC 9406).
class Cubic final : public Congestion {
 public:
  void on_ack(const AckSample& ack, TimePoint now) override {
    rtt_ = rtt_ == Duration{} ? ack.rtt : (rtt_ * 7 + ack.rtt) / 8;
    if (!ack.is_limited) return;
    const auto acked = static_cast<double>(ack.delivered);
    if (window_ < threshold_) {
      window_ += acked;
      look_for_queue(ack);
      return;
    }
    if (!began_) begin(now);
    reno_ += kRenoIncrease * acked / window_;
    const double time = seconds(now - *began_);
    const double ahead = target_of(time + seconds(rtt_));
    if (target_of(time) < reno_) {
      window_ = std::max(window_, reno_);
      return;
    }
    const double target = std::clamp(ahead, window_, 1.5 * window_);
    window_ += (target - window_) / window_ * acked;
  }

  void on_loss(TimePoint /*now*/) override {
    // Fast convergence.
    most_ = window_ < most_ ? window_ * (1 + kBeta) / 2 : window_;
    threshold_ = window_ = std::max(kLeastWindow, window_ * kBeta);
    began_.reset();
  }

  void on_timeout(TimePoint now) override {
    on_loss(now);
    window_ = 1;
  }

  [[nodiscard]] double window() const override { return window_; }
  [[nodiscard]] double pacing_rate() const override { return 0; }

  static constexpr double kScale = 0.4;  // C
  static constexpr double kBeta = 0.7;

 private:
  static constexpr double kRenoIncrease = 3 * (1 - kBeta) / (1 + kBeta);
  // Of HyStart.
  static constexpr int kSamples = 8;
  static constexpr double kFirstChecked = 16;

  void look_for_queue(const AckSample& ack) {
    if (ack.prior >= round_end_) {
      round_end_ = ack.total;
      samples_ = 0;
      shortest_of_round_ = Duration::max();
    }
    shortest_ = std::min(shortest_, ack.rtt);
    if (samples_ == kSamples) return;
    ++samples_;
    shortest_of_round_ = std::min(shortest_of_round_, ack.rtt);
    const Duration queue = std::clamp<Duration>(shortest_ / 8, 4ms, 16ms);
    const bool is_queued = samples_ == kSamples && shortest_of_round_ > shortest_ + queue;
    if (is_queued && window_ >= kFirstChecked) threshold_ = window_;
  }
  void begin(TimePoint now) {
    began_ = now;
    most_ = std::max(most_, window_);
    offset_ = std::cbrt((most_ - window_) / kScale);
    reno_ = window_;
  }
  [[nodiscard]] double target_of(double time) const { return kScale * std::pow(time - offset_, 3) + most_; }

  double window_ = kFirstWindow;
  double threshold_ = 1e9;
  double most_ = 0;    // W_max
  double offset_ = 0;  // K, seconds
  double reno_ = 0;    // W_est
  std::optional<TimePoint> began_;
  Duration rtt_{};
  Duration shortest_ = Duration::max();
  Duration shortest_of_round_ = Duration::max();
  std::uint64_t round_end_ = 0;
  int samples_ = 0;
};

/// The rate that the narrowest link delivers, and the shortest round trip: what is under way follows from
/// both, and no loss changes it.
class Bbr final : public Congestion {
 public:
  void on_ack(const AckSample& ack, TimePoint now) override {
    const bool is_new_round = ack.prior >= round_end_;
    if (is_new_round) {
      round_end_ = ack.total;
      ++round_;
    }
    take_rate(ack);
    if (ack.rtt <= shortest_ || now - shortest_at_ > kRttLife) {
      is_rtt_old_ = ack.rtt > shortest_;
      shortest_ = ack.rtt;
      shortest_at_ = now;
    }
    if (is_new_round && state_ == State::startup) look_for_full_pipe(ack);
    if (state_ == State::drain && ack.in_flight <= pipe()) enter_probe(now);
    if (state_ == State::probe && now - phase_at_ > shortest_) next_phase(ack, now);
    if (is_rtt_old_ && state_ == State::probe) {
      state_ = State::probe_rtt;
      phase_at_ = now;
    }
    is_rtt_old_ = false;
    if (state_ == State::probe_rtt && now - phase_at_ > kProbeRttTime) enter_probe(now);
  }

  void on_loss(TimePoint /*now*/) override {}
  void on_timeout(TimePoint /*now*/) override {}

  [[nodiscard]] double window() const override {
    if (rate() == 0) return kFirstWindow;
    if (state_ == State::probe_rtt) return 4;
    return std::max(4.0, (state_ == State::probe ? 2 : kHighGain) * pipe());
  }
  [[nodiscard]] double pacing_rate() const override {
    if (rate() == 0) return 0;
    switch (state_) {
      case State::startup:
        return kHighGain * rate();
      case State::drain:
        return rate() / kHighGain;
      case State::probe:
        return kGains.at(phase_) * rate();
      case State::probe_rtt:
        return rate();
    }
    return 0;
  }

 private:
  enum class State { startup, drain, probe, probe_rtt };
  static constexpr double kHighGain = 2.885;  // 2 / ln 2
  static constexpr std::array<double, 8> kGains{1.25, 0.75, 1, 1, 1, 1, 1, 1};
  static constexpr std::uint64_t kRateRounds = 10;
  static constexpr Duration kRttLife = 10s;
  static constexpr Duration kProbeRttTime = 200ms;

  struct Rate {
    std::uint64_t round;
    double value;
  };

  /// The largest of the last rounds: what is smaller and older goes.
  void take_rate(const AckSample& ack) {
    if (!ack.is_limited && ack.rate < rate()) return;
    while (!rates_.empty() && rates_.back().value <= ack.rate) rates_.pop_back();
    rates_.push_back({round_, ack.rate});
    while (rates_.front().round + kRateRounds < round_) rates_.pop_front();
  }
  [[nodiscard]] double rate() const { return rates_.empty() ? 0 : rates_.front().value; }
  [[nodiscard]] double pipe() const { return rate() * seconds(shortest_); }

  void look_for_full_pipe(const AckSample& ack) {
    if (!ack.is_limited) return;
    if (rate() >= full_ * 1.25) {
      full_ = rate();
      full_rounds_ = 0;
    } else if (++full_rounds_ >= 3) {
      state_ = State::drain;
    }
  }
  void enter_probe(TimePoint now) {
    state_ = State::probe;
    phase_ = 2;
    phase_at_ = now;
  }
  void next_phase(const AckSample& ack, TimePoint now) {
    // What the probe for more rate put into queues leaves them before the next phase.
    if (kGains.at(phase_) < 1 && ack.in_flight > pipe()) return;
    phase_ = (phase_ + 1) % kGains.size();
    phase_at_ = now;
  }

  State state_ = State::startup;
  std::deque<Rate> rates_;
  std::uint64_t round_ = 0;
  std::uint64_t round_end_ = 0;
  Duration shortest_ = Duration::max();
  TimePoint shortest_at_{};
  bool is_rtt_old_ = false;
  double full_ = 0;
  int full_rounds_ = 0;
  std::size_t phase_ = 0;
  TimePoint phase_at_{};
};

}  // namespace

std::unique_ptr<Congestion> make_cubic() {
  return std::make_unique<Cubic>();
}

std::unique_ptr<Congestion> make_bbr() {
  return std::make_unique<Bbr>();
}

double cubic_average_window(double loss, Duration rtt) {
  const double factor = Cubic::kScale * (3 + Cubic::kBeta) / (4 * (1 - Cubic::kBeta));
  return std::pow(factor, 0.25) * std::pow(seconds(rtt), 0.75) / std::pow(loss, 0.75);
}

}  // namespace mptunnel::sim
