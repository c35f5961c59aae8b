// What both programs do alike to carry out an engine's output.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/log.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

/// Kernel buffers of the sockets that carry everything: a burst of half a second at 60 Mbit/s. The kernel may
/// give less.
inline constexpr std::size_t kSocketBufferBytes = std::size_t{4} << 20U;
/// Receive calls of one wake-up, of up to 64 batches each; then the other sockets and timers have their turn.
inline constexpr int kReceivesPerWakeup = 4;

/// The reason that stands for an errno of a send.
Drop drop_for(int error);

/// Sends runs down one path and tells the engine, each with what the kernel took of it. Keeps its memory
/// between calls.
class RunSender {
 public:
  /// The runs of `output` that go to `path` (and belong to `session`), as one call on `socket`.
  /// `on_sent(run, accepted, drop)` is called for each; returns the last errno met, 0 if none.
  template <typename OnSent>
  int send(const Output& output, std::span<const PacketRun* const> runs, UdpSocket& socket, const Route& to,
           OnSent on_sent) {
    sends_.clear();
    for (const PacketRun* run : runs) sends_.push_back({output.bytes_of(*run), run->stride, to});
    outcomes_.assign(sends_.size(), SendOutcome{});
    socket.send(sends_, outcomes_);
    int error = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (outcomes_[i].error != 0) error = outcomes_[i].error;
      on_sent(*runs[i], outcomes_[i].accepted, drop_for(outcomes_[i].error));
    }
    return error;
  }

 private:
  std::vector<SendRun> sends_;
  std::vector<SendOutcome> outcomes_;
};

}  // namespace mptunnel
