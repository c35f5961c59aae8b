// The packets of an engine's output on their way to a socket.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/net/datagram_socket.h"

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
    copies_.push_back({&run, path});
    sends_.push_back({output.bytes_of(run), run.stride, to, run.dscp});
  }
  [[nodiscard]] bool empty() const { return copies_.empty(); }

  /// All that was added, in order. `on_sent(path, run, accepted, drop)` is called for each; returns the last
  /// errno met, 0 if none.
  template <typename OnSent>
  int send(DatagramSocket& socket, OnSent on_sent) {
    outcomes_.resize(sends_.size());
    socket.send(std::span<const SendRun>(sends_), outcomes_);
    int error = 0;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      if (outcomes_[i].error != 0) error = outcomes_[i].error;
      on_sent(copies_[i].path, *copies_[i].run, outcomes_[i].accepted, drop_for(outcomes_[i].error));
    }
    copies_.clear();
    sends_.clear();
    return error;
  }

 private:
  struct Copy {
    const PacketRun* run;
    PathId path;
  };
  std::vector<Copy> copies_;
  std::vector<SendRun> sends_;
  std::vector<SendOutcome> outcomes_;
};

}  // namespace mptunnel
