// What all ports of a program use: loop, time, names and sockets. Tests replace them with fakes.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "mptunnel/base/time.h"
#include "mptunnel/config/address.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/resolver.h"
#include "mptunnel/ports/routing.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual TimePoint now() const = 0;
  /// The alarm must be destroyed before the clock.
  virtual std::unique_ptr<Alarm> make_alarm(LoopCallback callback) = 0;
};

/// Starts looking a name up. The answer comes from a later turn of the loop, unless the request is destroyed
/// before.
using NameLookup = std::function<Resolver::Request(const HostPort& name, Resolver::Callback callback)>;

struct PortContext {
  Loop& loop;
  Clock& clock;
  NameLookup lookup;
  SocketFactory& sockets;
  Routing& routing;
};

/// CLOCK_MONOTONIC, and alarms that are timers of the loop.
class LoopClock final : public Clock {
 public:
  explicit LoopClock(Loop& loop) : loop_(loop) {}

  [[nodiscard]] TimePoint now() const override { return monotonic_now(); }
  std::unique_ptr<Alarm> make_alarm(LoopCallback callback) override {
    return std::make_unique<Timer>(loop_, std::move(callback));
  }

 private:
  Loop& loop_;
};

/// The system's.
class SystemPorts {
 public:
  explicit SystemPorts(const SocketTuning& tuning) : sockets_(tuning) {}

  Loop& loop() { return loop_; }
  [[nodiscard]] const PortContext& context() const { return context_; }

 private:
  Loop loop_;
  LoopClock clock_{loop_};
  Resolver resolver_{loop_};
  SystemSockets sockets_;
  SystemRouting routing_;
  PortContext context_{loop_, clock_,
                       [this](const HostPort& name, Resolver::Callback callback) {
                         return resolver_.resolve(name.host, name.port, std::move(callback));
                       },
                       sockets_, routing_};
};

}  // namespace mptunnel
