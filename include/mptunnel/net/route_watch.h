// Says when routes or routing rules have changed, by rtnetlink. What it is not: a reader of routes; ask
// route_query.h what is true now.
//
// A router may have a million routes that change all the time, and the kernel sends a message for each. So
// none is read: the first one starts a short wait, after which what has come by then is thrown away together
// and the change is reported once. What does not fit the small receive buffer is dropped by the kernel, which
// costs it less than to deliver it; that something was lost says as much as the messages do.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/file.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

class RouteWatch {
 public:
  /// How long after a change it is reported: others may come with it.
  static constexpr Duration kSettleFor = std::chrono::milliseconds{5};
  /// Reports are this far apart on average. A few may follow each other at once: a VPN that takes over the
  /// default route changes a handful of routes and rules, and the one that matters may be the last.
  static constexpr Duration kReportsApart = std::chrono::milliseconds{300};
  static constexpr std::size_t kReportsAtOnce = 12;

  /// `on_change` is called from the loop.
  RouteWatch(Loop& loop, LoopCallback on_change);

  /// The error is a sentence for people; nothing is watched then.
  tl::expected<void, std::string> start();

 private:
  void on_readable();
  void report();

  Loop& loop_;
  LoopCallback on_change_;
  File socket_;
  std::unique_ptr<ReadWatcher> watcher_;
  Timer timer_;
  /// When the last ones were made; the oldest, and next to be replaced, at `oldest_`.
  std::array<TimePoint, kReportsAtOnce> reports_;
  std::size_t oldest_ = 0;
};

}  // namespace mptunnel
