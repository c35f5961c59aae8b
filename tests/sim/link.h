// One direction of one path: copies in, what is left of them out, later.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "sim/event_queue.h"
#include "sim/packet.h"
#include "support/bridge/impairments.h"

namespace mptunnel::sim {

class Link {
 public:
  /// Takes what arrives at one instant, in order.
  using Sink = std::function<void(std::vector<Copy>)>;

  Link(const test::ImpairmentOptions& options, std::uint64_t seed, EventQueue& events, Sink sink);

  void send(const Copy& copy);
  /// Arrives after `delay`, whatever the link is like: what an attacker sends.
  void inject(const Copy& copy, Duration delay);

  [[nodiscard]] const test::ImpairmentOptions& options() const { return impairments_.options(); }
  void set_options(const test::ImpairmentOptions& options) { impairments_.set_options(options); }
  void set_blackout(bool on);
  /// Somebody on the way sees every copy that is sent.
  void set_tap(std::function<void(const Copy&)> tap) { tap_ = std::move(tap); }

  /// Only what `passes` enters the link.
  void set_filter(std::function<bool(const Copy&)> passes) { passes_ = std::move(passes); }

  /// What enters the link goes on with the ECN that this says.
  void set_remark(std::function<Ecn(const Copy&)> remark) { remark_ = std::move(remark); }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  /// What was sent into it and what an attacker put in, whatever arrived.
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }
  [[nodiscard]] std::uint64_t injected_bytes() const { return injected_bytes_; }

 private:
  void arrive(Copy copy);

  test::Impairments impairments_;
  EventQueue& events_;
  Sink sink_;
  std::function<void(const Copy&)> tap_;
  std::function<bool(const Copy&)> passes_;
  std::function<Ecn(const Copy&)> remark_;
  std::vector<Copy> inbox_;
  std::uint64_t sent_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t injected_bytes_ = 0;
};

}  // namespace mptunnel::sim
