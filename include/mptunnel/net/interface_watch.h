// Keeps a table of the network interfaces true, by rtnetlink, and says when something changed.
// What it is not: a judge of which interface to use.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/net/interfaces.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/notice.h"

namespace mptunnel {

class NetlinkSocket;

class InterfaceWatch {
 public:
  /// `on_change` is called from the loop, once a wake-up, when the table has changed: interfaces that came,
  /// went, went up or down or were renamed, and addresses. It may destroy the watch.
  InterfaceWatch(Loop& loop, LoopCallback on_change, NoticeSink on_notice = nullptr);
  InterfaceWatch(const InterfaceWatch&) = delete;
  InterfaceWatch& operator=(const InterfaceWatch&) = delete;
  ~InterfaceWatch();

  /// Reads the whole table, in at most kPatience, and watches from then on. If the kernel loses messages,
  /// or the socket fails later, all is read again until it works. The error is a sentence for people; nothing
  /// is watched then.
  tl::expected<void, std::string> start();

  [[nodiscard]] const InterfaceTable& table() const { return table_; }

  /// How long a table may take to read. It takes a millisecond.
  static constexpr Duration kPatience = std::chrono::seconds{1};

 private:
  void on_readable();
  void read_all();
  void tell();

  Loop& loop_;
  LoopCallback on_change_;
  NoticeSink on_notice_;
  InterfaceTable table_;
  std::unique_ptr<NetlinkSocket> socket_;
  std::unique_ptr<ReadWatcher> watcher_;
  Timer retry_;
  bool said_problem_ = false;
  bool said_overflow_ = false;
};

}  // namespace mptunnel
