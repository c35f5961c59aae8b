#include "support/probe/receive.h"

#include <algorithm>

namespace mptunnel::test {
namespace {

/// Batches before signals and deadlines get their turn.
constexpr int kBatchesPerTurn = 8;

}  // namespace

tl::expected<std::unique_ptr<Receiver>, std::string> Receiver::create(const ReceiveOptions& options) {
  const auto listen = resolve_endpoint(options.listen);
  if (!listen) return tl::unexpected(listen.error());
  auto socket = open_bound(*listen);
  if (!socket) return tl::unexpected(socket.error());
  if (options.ignore_above > 0) {
    if (auto done = ignore_larger(socket->get(), options.ignore_above); !done)
      return tl::unexpected(done.error());
  }
  auto loop = EventLoop::create();
  if (!loop) return tl::unexpected(loop.error());
  std::unique_ptr<Receiver> receiver(new Receiver(options, std::move(*loop), std::move(*socket)));
  Receiver* const self = receiver.get();
  self->loop_->watch(self->socket_.get(), [self](TimePoint) { self->receive(); });
  for (const int signal : {SIGTERM, SIGINT}) {
    self->loop_->on_signal(signal, [self](TimePoint) { self->loop_->stop(); });
  }
  return receiver;
}

void Receiver::receive() {
  for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
    const std::size_t count = in_.receive(socket_.get());
    if (count == 0) return;
    const TimePoint now = monotonic_now();
    first_ = std::min(first_, now);
    last_ = now;
    for (std::size_t i = 0; i < count; ++i) {
      const Peer& peer = in_.peer(i);
      arrivals_.record(in_.datagram(i), std::nullopt, now);
      if (sources_.size() < kMaxSources) sources_.insert(to_endpoint(peer.remote));
      if (options_.echo) out_.add(socket_.get(), in_.datagram(i), &peer);
    }
    out_.flush();
    if (count < kBatch) return;
  }
}

TimePoint Receiver::next_deadline() const {
  if (options_.idle_seconds <= 0 || last_ == kNever) return end_;
  return std::min(end_, last_ + from_seconds(options_.idle_seconds));
}

void Receiver::on_time(TimePoint now) {
  if (options_.expect > 0 && arrivals_.unique() >= options_.expect) {
    options_.expect = 0;
    end_ = std::min(end_, now + from_seconds(options_.drain_seconds));
  }
  if (now >= next_deadline()) loop_->stop();
}

nlohmann::ordered_json Receiver::run() {
  if (options_.for_seconds > 0) end_ = monotonic_now() + from_seconds(options_.for_seconds);
  loop_->run([this] { return next_deadline(); }, [this](TimePoint now) { on_time(now); });
  return report();
}

nlohmann::ordered_json Receiver::report() {
  const bool any = first_ != kNever;
  nlohmann::ordered_json result{
      {"mode", options_.echo ? "echo" : "sink"},
      {"listen", listening().to_string()},
      {"duration_s", any ? std::chrono::duration<double>(last_ - first_).count() : 0.0},
      {"sources", sources_.size()},
      {"missing", arrivals_.missing()}};
  result.update(arrivals_.to_json(first_, any ? last_ : TimePoint{}));
  if (options_.echo) {
    result["echoed"] = out_.totals().sent;
    result["unsent"] = out_.totals().failed;
  }
  result["refused"] = out_.totals().refused + in_.refused();
  result["kernel_drops"] = kernel_drops(socket_.get());
  result["flow_count"] = arrivals_.flow_count();
  result["flows"] = arrivals_.flows_to_json();
  return result;
}

}  // namespace mptunnel::test
