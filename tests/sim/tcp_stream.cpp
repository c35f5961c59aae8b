#include "sim/tcp_stream.h"

#include <algorithm>
#include <utility>

namespace mptunnel::sim {
namespace {

constexpr Duration kDelayedAck = 40ms;
constexpr Duration kLeastTimeout = 200ms;
constexpr std::uint64_t kMostReorderingSteps = 8;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Duration to_duration(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

TcpStream::TcpStream(World& world, Application& application, StreamWay way,
                     std::unique_ptr<Congestion> congestion)
    : world_(world), application_(application), way_(way), congestion_(std::move(congestion)) {
  application_.on_request = [this](std::uint32_t record) { at_target(record); };
  application_.on_reply = [this](std::uint32_t record) { at_application(record); };
}

TcpStream::~TcpStream() {
  application_.on_request = application_.on_reply = {};
}

void TcpStream::start() {
  is_running_ = true;
  delivered_at_ = measured_at_ = paced_until_ = world_.now();
  // The target can't send before it has heard from the application.
  if (!is_data_up()) send(true, kAckBytes);
  send_more();
}

double TcpStream::take_goodput_mbit_s() {
  const double time = seconds(world_.now() - measured_at_);
  const auto segments = static_cast<double>(expected_ - measured_);
  measured_ = expected_;
  measured_at_ = world_.now();
  return segments * kSegmentBytes * 8 / time / 1e6;
}

void TcpStream::at_target(std::uint32_t record) {
  if (is_data_up()) {
    if (const auto segment = segments_under_way_.extract(record)) receive(segment.mapped());
  } else if (const auto ack = acks_under_way_.extract(record)) {
    on_ack(ack.mapped());
  } else {
    send_more();
  }
}

void TcpStream::at_application(std::uint32_t record) {
  if (!is_data_up()) {
    if (const auto segment = segments_under_way_.extract(record)) receive(segment.mapped());
  } else if (const auto ack = acks_under_way_.extract(record)) {
    on_ack(ack.mapped());
  }
}

void TcpStream::receive(std::uint64_t number) {
  if (number < expected_ || beyond_.contains(number)) {
    ++counts_.spurious;
    news_.push_back(number);
    acknowledge(true);
    return;
  }
  const bool is_in_order = number == expected_ && beyond_.empty();
  news_.push_back(number);
  beyond_.insert(number);
  while (!beyond_.empty() && *beyond_.begin() == expected_) {
    beyond_.erase(beyond_.begin());
    ++expected_;
  }
  if (!is_in_order || news_.size() >= 2) {
    acknowledge(false);
  } else if (!std::exchange(is_ack_delayed_, true)) {
    world_.events().after(kDelayedAck, [this] {
      is_ack_delayed_ = false;
      if (!news_.empty()) acknowledge(false);
    });
  }
}

void TcpStream::acknowledge(bool is_duplicate) {
  Ack ack{expected_, news_, is_duplicate};
  for (const auto& said : said_) ack.news.insert(ack.news.end(), said.begin(), said.end());
  said_ = {std::exchange(news_, {}), std::move(said_.front())};
  if (const auto record = send(!is_data_up(), kAckBytes)) acks_under_way_.emplace(*record, std::move(ack));
}

void TcpStream::on_ack(const Ack& ack) {
  AckSample sample;
  while (!segments_.empty() && segments_.begin()->first < ack.expected)
    take(segments_.begin()->first, sample);
  for (const std::uint64_t number : ack.news) {
    if (segments_.contains(number)) take(number, sample);
  }
  if (ack.is_duplicate) reordering_steps_ = std::min(reordering_steps_ + 1, kMostReorderingSteps);
  if (sample.delivered > 0) {
    backoff_ = 0;
    sample.total = delivered_;
    if (sample.rtt == Duration{}) sample.rtt = smoothed_;
    sample.in_flight = static_cast<double>(segments_.size() - lost_.size());
    congestion_->on_ack(sample, world_.now());
    restart_timer();
  }
  find_losses();
  send_more();
}

void TcpStream::take(std::uint64_t number, AckSample& sample) {
  const Segment& segment = segments_.at(number);
  const TimePoint now = world_.now();
  ++sample.delivered;
  ++delivered_;
  delivered_at_ = now;
  // An acknowledgement of what was sent twice within a round trip is of the first.
  const bool is_clear = !segment.is_retransmission || now - segment.sent >= shortest_;
  if (is_clear) {
    measure_rtt(now - segment.sent);
    const std::pair sent(segment.sent, number);
    if (!newest_sent_ || sent > *newest_sent_) newest_sent_ = sent;
    sample.rtt = now - segment.sent;
    sample.prior = segment.delivered;
    const double time = seconds(now - segment.delivered_at);
    sample.rate = time > 0 ? static_cast<double>(delivered_ - segment.delivered) / time : 0;
    sample.is_limited = segment.was_limited;
  }
  lost_.erase(number);
  segments_.erase(number);
}

void TcpStream::measure_rtt(Duration rtt) {
  shortest_ = std::min(shortest_, rtt);
  if (smoothed_ == Duration{}) {
    smoothed_ = rtt;
    variation_ = rtt / 2;
    return;
  }
  const Duration off = rtt > smoothed_ ? rtt - smoothed_ : smoothed_ - rtt;
  variation_ = (variation_ * 3 + off) / 4;
  smoothed_ = (smoothed_ * 7 + rtt) / 8;
}

Duration TcpStream::reordering_window() const {
  return std::min(shortest_ / 4 * static_cast<Duration::rep>(reordering_steps_), smoothed_);
}

Duration TcpStream::timeout() const {
  if (smoothed_ == Duration{}) return 1s;
  return std::max(kLeastTimeout, smoothed_ + 4 * variation_) * (1 << std::min(backoff_, 6));
}

void TcpStream::find_losses() {
  if (!newest_sent_) return;
  const TimePoint now = world_.now();
  std::optional<TimePoint> next;
  bool is_news = false;
  for (auto& [number, segment] : segments_) {
    if (segment.is_lost || std::pair(segment.sent, number) > *newest_sent_) continue;
    const TimePoint due = segment.sent + smoothed_ + reordering_window();
    if (due > now) {
      next = next ? std::min(*next, due) : due;
      continue;
    }
    segment.is_lost = true;
    lost_.insert(number);
    is_news = is_news || number >= recovery_ends_;
  }
  if (is_news) {
    recovery_ends_ = next_;
    ++counts_.recoveries;
    congestion_->on_loss(now);
  }
  if (!next || std::exchange(is_watching_losses_, true)) return;
  world_.events().at(*next, [this] {
    is_watching_losses_ = false;
    find_losses();
    send_more();
  });
}

void TcpStream::send_more() {
  if (!is_running_ || is_waiting_to_send_) return;
  if (!is_data_up() && application_.peer.server == 0) return;
  while (static_cast<double>(segments_.size() - lost_.size()) < congestion_->window()) {
    const double rate = congestion_->pacing_rate();
    if (rate > 0 && world_.now() < paced_until_) {
      is_waiting_to_send_ = true;
      world_.events().at(paced_until_, [this] {
        is_waiting_to_send_ = false;
        send_more();
      });
      return;
    }
    if (rate > 0) paced_until_ = std::max(paced_until_, world_.now() - 1ms) + to_duration(1 / rate);
    send_segment(lost_.empty() ? next_ : *lost_.begin());
  }
}

void TcpStream::send_segment(std::uint64_t number) {
  const TimePoint now = world_.now();
  if (segments_.empty()) delivered_at_ = now;
  Segment& segment = segments_[number];
  segment.is_retransmission = number < next_;
  segment.is_lost = false;
  segment.sent = now;
  segment.delivered = delivered_;
  segment.delivered_at = delivered_at_;
  // It always has more to send: what holds it back is the window, or its pace.
  segment.was_limited = true;
  lost_.erase(number);
  ++counts_.sent;
  if (segment.is_retransmission) ++counts_.retransmitted;
  next_ = std::max(next_, number + 1);
  if (segments_.size() == 1) restart_timer();
  if (const auto record = send(is_data_up(), kSegmentBytes)) segments_under_way_.emplace(*record, number);
}

void TcpStream::restart_timer() {
  const std::uint64_t generation = ++timer_;
  if (segments_.empty()) return;
  world_.events().after(timeout(), [this, generation] { on_timer(generation); });
}

void TcpStream::on_timer(std::uint64_t generation) {
  if (generation != timer_ || segments_.empty() || !is_running_) return;
  ++counts_.timeouts;
  ++backoff_;
  for (auto& [number, segment] : segments_) {
    segment.is_lost = true;
    lost_.insert(number);
  }
  recovery_ends_ = next_;
  congestion_->on_timeout(world_.now());
  restart_timer();
  send_more();
}

std::optional<std::uint32_t> TcpStream::send(bool from_application, std::size_t bytes) {
  const Ledger& ledger = world_.context().oracle.ledger();
  const std::size_t before = ledger.records().size();
  if (from_application) {
    world_.traffic().send(application_, 1, bytes);
  } else {
    world_.server().from_target(application_.peer, application_, bytes, std::nullopt);
  }
  if (ledger.records().size() == before) return std::nullopt;
  return static_cast<std::uint32_t>(before);
}

double steady_goodput_mbit_s(World& world, Application& application, StreamWay way,
                             std::unique_ptr<Congestion> congestion) {
  TcpStream stream(world, application, way, std::move(congestion));
  stream.start();
  world.run_for(10s);
  stream.take_goodput_mbit_s();
  world.run_for(10s);
  const double goodput = stream.take_goodput_mbit_s();
  stream.stop();
  world.run_for(2s);
  return goodput;
}

}  // namespace mptunnel::sim
