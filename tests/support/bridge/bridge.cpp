#include "support/bridge/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <utility>

namespace mptunnel::test {

Bridge::Bridge(BridgeOptions options, std::unique_ptr<EventLoop> loop, Injector injector, TimePoint start)
    : options_(std::move(options)), loop_(std::move(loop)), injector_(std::move(injector)), start_(start) {
  std::sort(options_.rebind_at.begin(), options_.rebind_at.end());
  if (options_.for_seconds > 0) end_ = start_ + from_seconds(options_.for_seconds);
}

Bridge::~Bridge() {
  if (control_) loop_->forget(control_->fd());
}

tl::expected<std::unique_ptr<Bridge>, std::string> Bridge::create(const BridgeOptions& options) {
  const auto listen = resolve_endpoint(options.listen);
  if (!listen) return tl::unexpected(listen.error());
  const auto target = resolve_endpoint(options.target);
  if (!target) return tl::unexpected(target.error());
  if (target->port == 0) return tl::unexpected<std::string>("the target needs a port");
  auto listener = open_bound(*listen);
  if (!listener) return tl::unexpected(listener.error());
  auto loop = EventLoop::create();
  if (!loop) return tl::unexpected(loop.error());
  const TimePoint start = monotonic_now();
  auto injector = Injector::create(options, start);
  if (!injector) return tl::unexpected(injector.error());
  std::unique_ptr<Bridge> bridge(new Bridge(options, std::move(*loop), std::move(*injector), start));
  if (const auto opened = bridge->open(*target, std::move(*listener)); !opened)
    return tl::unexpected(opened.error());
  return bridge;
}

tl::expected<void, std::string> Bridge::open(const Endpoint& target, Fd listener) {
  listening_ = local_endpoint(listener.get());
  target_ = target;
  relay_ = std::make_unique<Relay>(options_, target, std::move(listener), *loop_, start_);
  if (!options_.capture_file.empty()) {
    auto capture = SampleWriter::open(options_.capture_file, options_.capture_limit);
    if (!capture) return tl::unexpected(capture.error());
    capture_.emplace(std::move(*capture));
  }
  if (!options_.control_path.empty()) {
    auto control = ControlSocket::open(options_.control_path);
    if (!control) return tl::unexpected(control.error());
    control_.emplace(std::move(*control));
    loop_->watch(control_->fd(), [this](TimePoint) {
      control_->serve(
          [this](std::string_view text, bool can_answer) { return command_lines(text, can_answer); });
    });
  }
  tap();
  take_signals();
  return trace();
}

tl::expected<void, std::string> Bridge::trace() {
  if (options_.trace_file.empty()) return {};
  auto writer = TraceWriter::open(options_.trace_file, options_.trace_limit);
  if (!writer) return tl::unexpected(writer.error());
  trace_.emplace(std::move(*writer));
  relay_->set_trace([this](const TraceRecord& record) { trace_->write(record); });
  return {};
}

void Bridge::tap() {
  if (!capture_ && !injector_.observes()) return;
  relay_->set_tap([this](Direction direction, ConstBytes datagram) {
    const bool wanted = direction == Direction::up ? options_.capture_up : options_.capture_down;
    if (capture_ && wanted) capture_->write(datagram);
    injector_.observe(direction, datagram);
  });
}

void Bridge::take_signals() {
  for (const int signal : {SIGTERM, SIGINT}) {
    loop_->on_signal(signal, [this](TimePoint) { loop_->stop(); });
  }
  loop_->on_signal(SIGUSR1, [this](TimePoint now) { command("blackout toggle", now); });
}

TimePoint Bridge::next_deadline() const {
  TimePoint next = std::min({relay_->next_deadline(), injector_.next_deadline(), end_});
  if (next_rebind_ < options_.rebind_at.size()) {
    next = std::min(next, start_ + from_seconds(options_.rebind_at[next_rebind_]));
  }
  return next;
}

void Bridge::on_time(TimePoint now) {
  relay_->on_time(now);
  injector_.on_time(*relay_, now);
  while (next_rebind_ < options_.rebind_at.size() &&
         start_ + from_seconds(options_.rebind_at[next_rebind_]) <= now) {
    ++next_rebind_;
    relay_->rebind();
  }
  if (now >= end_) loop_->stop();
}

void Bridge::run() {
  loop_->run([this] { return next_deadline(); }, [this](TimePoint now) { on_time(now); });
}

std::string Bridge::statistics() {
  if (capture_) capture_->flush();
  if (trace_) trace_->flush();
  const TimePoint now = monotonic_now();
  nlohmann::ordered_json result{{"listen", listening_.to_string()},
                                {"target", target_.to_string()},
                                {"seed", options_.seed},
                                {"seconds", std::chrono::duration<double>(now - start_).count()}};
  result.update(relay_->stats(now));
  if (trace_) result["untraced"] = trace_->left_out();
  return result.dump();
}

void Bridge::report() {
  fmt::print("{}\n", statistics());
  std::fflush(stdout);
  write_stats_file();
}

void Bridge::write_stats_file() {
  if (options_.stats_file.empty()) return;
  // Renamed into place, so that no reader finds half a line.
  const std::string fresh = fmt::format("{}.new", options_.stats_file);
  std::ofstream file(fresh, std::ios::trunc);
  file << statistics() << '\n';
  file.close();
  if (!file || std::rename(fresh.c_str(), options_.stats_file.c_str()) != 0) {
    fmt::print(stderr, "{}: can't be written\n", options_.stats_file);
  }
}

std::string Bridge::command_lines(std::string_view text, bool can_answer) {
  std::string answer;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) answer += fmt::format("{}\n", command(line, monotonic_now()));
    // A sender that can be answered reads the answer; standard output, which perhaps nobody reads, must not
    // fill up.
    if (line == "stats" && !can_answer) report();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return answer;
}

std::string Bridge::command(std::string_view line, TimePoint now) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  const std::string_view value = line.substr(std::min(space + 1, line.size()));
  if (word == "stats") {
    write_stats_file();
    return statistics();
  }
  if (word == "rebind") {
    relay_->rebind();
    return "ok";
  }
  if (word == "quit") {
    loop_->stop();
    return "ok";
  }
  if (word == "inject-rate") {
    const std::string text(value);
    char* end = nullptr;
    const double rate = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(rate >= 0 && rate <= 1e6))
      return "error: inject-rate takes 0 (pause) to 1000000 a second";
    injector_.set_rate(rate, now);
    return "ok";
  }
  ImpairmentPair changed = relay_->impairments();
  if (const auto done = apply_impairment(changed, word, value, now - start_); !done)
    return fmt::format("error: {}", done.error());
  for (const ImpairmentOptions* one : {&changed.up, &changed.down}) {
    if (const auto checked = one->check(); !checked) return fmt::format("error: {}", checked.error());
  }
  relay_->set_impairments(changed);
  return "ok";
}

}  // namespace mptunnel::test
