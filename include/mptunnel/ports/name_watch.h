// Keeps asking for the addresses of a name: at once, again and again until it has some, and from time to time
// from then on. What it is not: a judge of addresses; its owner says whether an answer is of use.
//
//   asking --no answer--> waits, 1 s at first, doubled up to 30 s --> asking
//   asking --answer, found()--> waits as long as found() says     --> asking
//   any    --pause()-->         waits as long as pause() says     --> asking
#pragma once

#include <memory>

#include "mptunnel/config/address.h"
#include "mptunnel/net/resolver.h"
#include "mptunnel/ports/port_context.h"

namespace mptunnel {

class NameWatch {
 public:
  static constexpr Duration kFirstRetry = std::chrono::seconds{1};
  static constexpr Duration kLongestRetry = std::chrono::seconds{30};

  /// `on_answer` gets every answer. `context` outlives this.
  NameWatch(HostPort name, const PortContext& context, Resolver::Callback on_answer);

  /// Asks now, unless an answer is awaited: a slow name server is waited for. Ends a pause.
  void ask();
  /// The last answer was of use: asks again after `interval`. Without this it asks again soon.
  void found(Duration interval);
  /// Asks after `delay`, unless it would earlier. Does nothing in a pause.
  void ask_within(Duration delay);
  /// As ask_within(), with the delay of the next retry.
  void ask_soon() { ask_within(retry_); }
  /// Cancels the lookup under way, and asks no earlier than after `length`.
  void pause(Duration length);

  [[nodiscard]] bool is_paused() const { return is_paused_; }
  [[nodiscard]] const HostPort& name() const { return name_; }

 private:
  void on_result(const ResolveResult& result);

  HostPort name_;
  const PortContext& context_;
  Resolver::Callback on_answer_;
  std::unique_ptr<Alarm> alarm_;
  Resolver::Request request_;
  Duration retry_ = kFirstRetry;
  bool is_asking_ = false;
  bool is_paused_ = false;
};

}  // namespace mptunnel
