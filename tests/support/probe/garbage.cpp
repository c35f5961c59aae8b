#include "support/probe/garbage.h"

#include <algorithm>
#include <utility>

#include "support/probe/source_range.h"

namespace mptunnel::test {

tl::expected<std::unique_ptr<GarbageSender>, std::string> GarbageSender::create(
    const GarbageOptions& options) {
  auto loop = EventLoop::create();
  if (!loop) return tl::unexpected(loop.error());
  std::unique_ptr<GarbageSender> sender(new GarbageSender(options, std::move(*loop)));
  if (const auto opened = sender->open(); !opened) return tl::unexpected(opened.error());
  return sender;
}

tl::expected<void, std::string> GarbageSender::open() {
  const auto target = resolve_endpoint(options_.target);
  if (!target) return tl::unexpected(target.error());
  target_ = *target;
  if (!options_.samples.empty()) {
    auto samples = read_sample_file(options_.samples);
    if (!samples) return tl::unexpected(samples.error());
    samples_ = std::move(*samples);
  }
  if (needs_samples(options_.mutator.mutations) && samples_.empty()) {
    return tl::unexpected<std::string>(
        "truncate, flip, replay and forge need --samples with at least one datagram");
  }
  if (const auto opened = open_socket(); !opened) return tl::unexpected(opened.error());
  loop_->watch(socket_.get(), [this](TimePoint) { receive(); });
  for (const int signal : {SIGTERM, SIGINT}) {
    loop_->on_signal(signal, [this](TimePoint) { loop_->stop(); });
  }
  return {};
}

tl::expected<void, std::string> GarbageSender::open_socket() {
  Endpoint local;
  if (!options_.bind.empty()) {
    const auto bind = resolve_endpoint(options_.bind);
    if (!bind) return tl::unexpected(bind.error());
    local = *bind;
  }
  if (!options_.sources.empty()) {
    auto peers = peers_with_sources(options_.sources, options_.source_count, target_);
    if (!peers) return tl::unexpected(peers.error());
    peers_ = std::move(*peers);
    if (options_.bind.empty()) local = *parse_numeric_endpoint("0.0.0.0", 0);
  }
  auto socket = peers_.empty() ? open_connected(target_, local) : open_bound(local);
  if (!socket) return tl::unexpected(socket.error());
  socket_ = std::move(*socket);
  return {};
}

void GarbageSender::receive() {
  const std::size_t count = in_.receive(socket_.get());
  answers_ += count;
  for (std::size_t i = 0; i < count; ++i) answer_bytes_ += in_.datagram(i).size();
}

void GarbageSender::on_time(TimePoint now) {
  if (now >= end_) {
    loop_->stop();
    return;
  }
  const std::size_t count = pacer_->take_due(now);
  for (std::size_t i = 0; i < count; ++i) {
    if (!mutator_.make(samples_, burst_[i])) continue;
    const Peer* const peer = peers_.empty() ? nullptr : &peers_[next_peer_++ % peers_.size()];
    out_.add(socket_.get(), burst_[i], peer);
  }
  out_.flush();
}

nlohmann::ordered_json GarbageSender::run() {
  const TimePoint start = monotonic_now();
  pacer_.emplace(options_.rate, start);
  end_ = start + from_seconds(options_.for_seconds);
  loop_->run([this] { return std::min(pacer_->next(), end_); }, [this](TimePoint now) { on_time(now); });
  receive();
  const double seconds = std::chrono::duration<double>(monotonic_now() - start).count();
  return {{"mode", "garbage"},
          {"target", target_.to_string()},
          {"sent", out_.totals().sent},
          {"sent_bytes", out_.totals().sent_bytes},
          {"unsent", out_.totals().failed},
          {"refused", out_.totals().refused + in_.refused()},
          {"answers", answers_},
          {"answer_bytes", answer_bytes_},
          {"duration_s", seconds},
          {"slipped_ms", milliseconds(pacer_->slipped())}};
}

}  // namespace mptunnel::test
