#include "support/probe/send.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <utility>

namespace mptunnel::test {
namespace {

constexpr Duration kProgressInterval = std::chrono::seconds(1);
/// Batches from one socket before sending gets its turn again.
constexpr int kBatchesPerTurn = 8;

double seconds_of(Duration span) {
  return std::chrono::duration<double>(span).count();
}

std::uint32_t run_of(std::uint64_t seed) {
  return static_cast<std::uint32_t>(split_mix64(seed));
}

}  // namespace

Sender::Sender(SendOptions options, std::unique_ptr<EventLoop> loop, std::uint64_t seed)
    : options_(std::move(options)),
      loop_(std::move(loop)),
      seed_(seed),
      run_(run_of(seed)),
      sizes_(seed),
      buffers_(Pacer::kMaxBurst) {}

tl::expected<std::unique_ptr<Sender>, std::string> Sender::create(const SendOptions& options) {
  auto loop = EventLoop::create();
  if (!loop) return tl::unexpected(loop.error());
  const std::uint64_t seed = options.seed ? *options.seed : std::random_device{}();
  std::unique_ptr<Sender> sender(new Sender(options, std::move(*loop), seed));
  if (const auto opened = sender->open(); !opened) return tl::unexpected(opened.error());
  return sender;
}

tl::expected<void, std::string> Sender::open() {
  const auto target = resolve_endpoint(options_.target);
  if (!target) return tl::unexpected(target.error());
  target_ = *target;
  Endpoint local;
  if (!options_.bind.empty()) {
    const auto bind = resolve_endpoint(options_.bind);
    if (!bind) return tl::unexpected(bind.error());
    local = *bind;
    if (local.port + options_.flows > 65536)
      return tl::unexpected<std::string>("--bind leaves no ports for so many flows");
  }
  for (std::size_t i = 0; i < options_.flows; ++i) {
    auto socket = open_connected(target_, local);
    if (!socket) return tl::unexpected(socket.error());
    loop_->watch(socket->get(), [this, i](TimePoint) { receive(i); });
    flows_.push_back({.socket = std::move(*socket)});
    if (local.port != 0) ++local.port;
  }
  if (!options_.timeline.empty()) {
    timeline_.open(options_.timeline, std::ios::trunc);
    if (!timeline_) return tl::unexpected(fmt::format("{}: can't be written", options_.timeline));
  }
  for (const int signal : {SIGTERM, SIGINT}) {
    loop_->on_signal(signal,
                     [this](TimePoint now) { state_ == State::sending ? drain(now) : loop_->stop(); });
  }
  return {};
}

void Sender::receive(std::size_t flow) {
  for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
    const std::size_t count = in_.receive(flows_[flow].socket.get());
    const TimePoint now = monotonic_now();
    for (std::size_t i = 0; i < count; ++i) {
      const auto arrival = arrivals_.record(in_.datagram(i), key_of(flow), now);
      const bool own = arrival.kind == ArrivalLog::Kind::fresh || arrival.kind == ArrivalLog::Kind::duplicate;
      if (own && timeline_.is_open()) {
        timeline_ << fmt::format("{} {} {} {}\n", arrival.header.number,
                                 arrival.header.sent.time_since_epoch().count(),
                                 now.time_since_epoch().count(), flow);
      }
    }
    if (count < kBatch) return;
  }
}

void Sender::send_one(TimePoint now) {
  const std::size_t index = offered_ % flows_.size();
  Flow& flow = flows_[index];
  const std::size_t bytes = options_.min_bytes + sizes_.below(options_.max_bytes - options_.min_bytes + 1);
  Buffer& buffer = buffers_[buffered_++];
  buffer.resize(bytes);
  if (bytes < kProbeHeaderBytes) {
    std::fill(buffer.begin(), buffer.end(), std::uint8_t{0});
    ++offered_short_;
  } else {
    const FlowKey key = key_of(index);
    encode_probe({.run = key.run, .flow = key.flow, .number = flow.next_number++, .sent = now}, buffer);
  }
  out_.add(flow.socket.get(), buffer, nullptr);
  ++offered_;
}

void Sender::send_due(TimePoint now) {
  std::size_t count = pacer_->take_due(now);
  if (options_.count > 0) count = std::min<std::uint64_t>(count, options_.count - offered_);
  for (std::size_t i = 0; i < count; ++i) send_one(now);
  out_.flush();
  buffered_ = 0;
  if (count > 0) last_sent_ = now;
  if (options_.count > 0 && offered_ >= options_.count) drain(now);
}

void Sender::drain(TimePoint now) {
  state_ = State::draining;
  drained_ = now + (options_.expect_echo ? from_seconds(options_.drain_seconds) : Duration{0});
}

TimePoint Sender::next_deadline() const {
  const TimePoint next = state_ == State::sending ? std::min(pacer_->next(), end_) : drained_;
  return std::min(next, next_progress_);
}

void Sender::on_time(TimePoint now) {
  if (state_ == State::sending && now >= end_) drain(now);
  if (state_ == State::sending) send_due(now);
  if (now >= next_progress_) print_progress(now);
  if (state_ == State::draining && now >= drained_) loop_->stop();
}

void Sender::print_progress(TimePoint now) {
  std::uint64_t settled = 0;
  std::uint64_t arrived = 0;
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    settled += flows_[i].settled_below;
    if (const FlowArrivals* const flow = arrivals_.flow(key_of(i))) {
      arrived += flow->count_below(flows_[i].settled_below);
    }
    flows_[i].settled_below = flows_[i].next_number;
  }
  fmt::print(stderr, "{:.0f} s: sent {}, received {}, lost so far {}\n", seconds_of(now - start_), offered_,
             arrivals_.received(), options_.expect_echo ? std::to_string(settled - arrived) : "?");
  timeline_.flush();
  next_progress_ += kProgressInterval;
}

nlohmann::ordered_json Sender::run() {
  start_ = monotonic_now();
  last_sent_ = start_;
  pacer_.emplace(options_.rate, start_);
  if (options_.for_seconds > 0) end_ = start_ + from_seconds(options_.for_seconds);
  if (options_.progress) next_progress_ = start_ + kProgressInterval;
  if (options_.expect_echo) arrivals_.gaps().begin(start_);
  loop_->run([this] { return next_deadline(); }, [this](TimePoint now) { on_time(now); });
  timeline_.flush();
  return report();
}

nlohmann::ordered_json Sender::report() {
  const double sending = seconds_of(last_sent_ - start_);
  std::uint64_t drops = 0;
  for (const Flow& flow : flows_) drops += kernel_drops(flow.socket.get());
  nlohmann::ordered_json result{
      {"mode", options_.expect_echo ? "echo" : "one-way"},
      {"target", target_.to_string()},
      {"run", run_},
      {"seed", seed_},
      {"flows", flows_.size()},
      {"sent", out_.totals().sent},
      {"sent_bytes", out_.totals().sent_bytes},
      {"short_sent", offered_short_},
      {"unsent", out_.totals().failed},
      {"refused", out_.totals().refused + in_.refused()},
      {"start_ns", start_.time_since_epoch().count()},
      {"duration_s", sending},
      {"rate", sending > 0 ? std::round(static_cast<double>(offered_ - 1) / sending) : 0.0},
      {"slipped_ms", milliseconds(pacer_->slipped())},
      {"kernel_drops", drops}};
  if (!options_.expect_echo) {
    result["lost"] = nullptr;
    return result;
  }
  const std::uint64_t back = arrivals_.unique() + arrivals_.of(ArrivalLog::Kind::too_short);
  result["lost"] = out_.totals().sent - std::min(back, out_.totals().sent);
  result.update(arrivals_.to_json(start_, last_sent_));
  return result;
}

}  // namespace mptunnel::test
