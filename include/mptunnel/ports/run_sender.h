// The packets of an engine's output on their way to a socket.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/net/datagram_socket.h"
#include "mptunnel/ports/send_queue.h"

namespace mptunnel {

/// An output with more bytes is carried out before the next batch comes in: what is sent then still lies in
/// the processor's second cache, and the arena stays small.
inline constexpr std::size_t kFlushBytes = std::size_t{512} << 10U;

/// The drop reason for an errno of a send.
Drop drop_for(int error);

/// Gathers copies of runs for one socket, sends them with one call, and reports what the kernel took of each.
/// Keeps its memory between calls.
class RunSender {
 public:
  /// `run` and `output` stay as they are until send(). Connected sockets need no `to`.
  void add(const Output& output, const PacketRun& run, PathId path, const Route& to = {}) {
    copies_.push_back({&run, path, run.count});
    sends_.push_back({output.bytes_of(run), run.stride, to, run.marks_on(path)});
  }
  [[nodiscard]] bool empty() const { return copies_.empty(); }

  /// All that was added, in order. `on_sent(path, run, accepted, drop)` is called for each; returns the last
  /// errno met, 0 if none.
  template <typename OnSent>
  int send(DatagramSocket& socket, OnSent on_sent) {
    transmit(socket);
    return report(on_sent);
  }
  /// The same, but of the packets that have datagrams only those for which `queue`, the socket's own, has
  /// room: the others are dropped as Drop::send_queue. Packets without datagrams always leave.
  template <typename OnSent>
  int send(DatagramSocket& socket, SendQueue& queue, TimePoint now, OnSent on_sent) {
    const bool is_due = queue.is_due(now);
    if (is_due) queue.before(socket.queued_bytes(), now);
    if (const std::size_t room = queue.room(); room != SendQueue::kNoLimit) keep_within(room, queue, now);
    if (!sends_.empty()) {
      transmit(socket);
      note(socket, queue, is_due, now);
    }
    return report(on_sent);
  }

 private:
  struct Copy {
    const PacketRun* run;
    PathId path;
    std::uint32_t offered;  ///< its first packets, which are in sends_; 0: it is not
  };

  void transmit(DatagramSocket& socket) {
    outcomes_.resize(sends_.size());
    socket.send(std::span<const SendRun>(sends_), outcomes_);
  }
  void keep_within(std::size_t room, SendQueue& queue, TimePoint now);
  void note(const DatagramSocket& socket, SendQueue& queue, bool is_due, TimePoint now) const;

  template <typename OnSent>
  int report(OnSent on_sent) {
    int error = 0;
    std::size_t next = 0;
    for (const Copy& copy : copies_) {
      const SendOutcome outcome = copy.offered == 0 ? SendOutcome{} : outcomes_[next++];
      if (outcome.error != 0) error = outcome.error;
      const bool is_cut = outcome.error == 0 && copy.offered < copy.run->count;
      on_sent(copy.path, *copy.run, outcome.accepted, is_cut ? Drop::send_queue : drop_for(outcome.error));
    }
    copies_.clear();
    sends_.clear();
    return error;
  }

  std::vector<Copy> copies_;
  std::vector<SendRun> sends_;
  std::vector<SendOutcome> outcomes_;
};

}  // namespace mptunnel
