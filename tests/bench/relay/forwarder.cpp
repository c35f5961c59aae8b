#include "bench/relay/forwarder.h"

namespace mptunnel::bench {
namespace {

/// A batch of fewer datagrams is taken apart, so that it shares a message with its neighbours: a vector for
/// each datagram costs the kernel less than a message.
constexpr std::size_t kWorthARun = 24;

}  // namespace

void Forwarder::add(bool in_pieces) {
  if (parts_.empty() || parts_.back().in_pieces != in_pieces)
    parts_.push_back({in_pieces, in_pieces ? pieces_.size() : runs_.size(), 0});
}

void Forwarder::collect(std::span<const Received> batches) {
  runs_.clear();
  pieces_.clear();
  parts_.clear();
  for (const Received& received : batches) {
    const DatagramBatch& batch = received.batch;
    const bool in_pieces = batch.bytes.size() < kWorthARun * batch.stride && batches.size() > 1;
    add(in_pieces);
    if (in_pieces) {
      for_each_datagram(batch, [this](ConstBytes datagram) { pieces_.push_back(datagram); });
      parts_.back().count = pieces_.size() - parts_.back().first;
    } else {
      runs_.push_back({batch.bytes, batch.stride, {}});
      ++parts_.back().count;
    }
  }
  outcomes_.resize(runs_.size());
}

void Forwarder::send(UdpSocket& socket, const Route& to) {
  for (SendRun& run : runs_) run.to = to;
  for (const Part& part : parts_) {
    if (part.in_pieces) {
      socket.send_pieces(std::span(pieces_).subspan(part.first, part.count), to);
    } else {
      socket.send(std::span(runs_).subspan(part.first, part.count),
                  std::span(outcomes_).subspan(part.first, part.count));
    }
  }
}

}  // namespace mptunnel::bench
