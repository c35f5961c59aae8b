#include "support/bridge/impairment_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace mptunnel::test {
namespace {

/// What a number may be, with the words for it in messages.
struct Range {
  double least;
  double most;
  std::string_view what;
};

constexpr Range kPercent{0, 100, "a percentage from 0 to 100"};
constexpr Range kLength{1, 1e6, "a number of datagrams from 1 to 1000000"};
constexpr Range kMilliseconds{0, 3.6e6, "milliseconds from 0 to 3600000"};
constexpr Range kSeconds{0, 1e6, "seconds from 0 to 1000000"};
constexpr Range kKilobits{0, 1e9, "kbit/s from 0 (no limit) to 1000000000"};
constexpr Range kBytes{0, 1e9, "bytes from 0 to 1000000000"};

std::optional<double> number(std::string_view text, const Range& range) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= range.least && value <= range.most)) return std::nullopt;
  return value;
}

Duration milliseconds_span(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(value));
}

Duration seconds_span(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

/// Sets one field; the error is what the value should have been.
using Setter = tl::expected<void, std::string_view> (*)(ImpairmentOptions& options, std::string_view value,
                                                        Duration age);

template <const Range& Allowed, auto Store>
tl::expected<void, std::string_view> set_number(ImpairmentOptions& options, std::string_view value,
                                                Duration /*age*/) {
  const auto parsed = number(value, Allowed);
  if (!parsed) return tl::unexpected(Allowed.what);
  Store(options, *parsed);
  return {};
}

tl::expected<void, std::string_view> set_keep_order(ImpairmentOptions& options, std::string_view value,
                                                    Duration /*age*/) {
  if (value != "on" && value != "off") return tl::unexpected<std::string_view>("on or off");
  options.keep_order = value == "on";
  return {};
}

tl::expected<void, std::string_view> set_blackout(ImpairmentOptions& options, std::string_view value,
                                                  Duration age) {
  if (value == "on" || value == "off") {
    options.blackout = value == "on";
    return {};
  }
  if (value == "toggle") {
    options.blackout = !options.blackout;
    return {};
  }
  constexpr std::size_t kMaxBlackouts = 1000;
  constexpr std::string_view kWhat = "START:LENGTH in seconds, on, off or toggle (1000 times at most)";
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos || options.blackouts.size() >= kMaxBlackouts)
    return tl::unexpected(kWhat);
  const auto start = number(value.substr(0, colon), kSeconds);
  const auto length = number(value.substr(colon + 1), kSeconds);
  if (!start || !length) return tl::unexpected(kWhat);
  const Duration begin = age + seconds_span(*start);
  options.blackouts.push_back({.begin = begin, .end = begin + seconds_span(*length)});
  return {};
}

struct Row {
  ImpairmentWord word;
  Setter set;
};

using Options = ImpairmentOptions;

const std::array<Row, 13> kRows{{
    {{"loss", "PCT", "lose datagrams, each independently"},
     set_number<kPercent, [](Options& o, double v) { o.loss_percent = v; }>},
    {{"burst-loss", "PCT", "lose this share in bursts (Gilbert-Elliott)"},
     set_number<kPercent, [](Options& o, double v) { o.burst_loss_percent = v; }>},
    {{"burst-length", "N", "mean length of a burst in datagrams (default 5)"},
     set_number<kLength, [](Options& o, double v) { o.burst_length = v; }>},
    {{"shared-loss", "PCT", "lose this share of datagrams together with their copies on other bridges"},
     set_number<kPercent, [](Options& o, double v) { o.shared_loss_percent = v; }>},
    {{"delay", "MS", "delay each datagram"},
     set_number<kMilliseconds, [](Options& o, double v) { o.delay = milliseconds_span(v); }>},
    {{"jitter", "MS", "delay by up to this more, at random; reorders"},
     set_number<kMilliseconds, [](Options& o, double v) { o.jitter = milliseconds_span(v); }>},
    {{"keep-order", "", "jitter delays followers instead of reordering"}, set_keep_order},
    {{"dup", "PCT", "forward datagrams twice"},
     set_number<kPercent, [](Options& o, double v) { o.duplicate_percent = v; }>},
    {{"flip", "PCT", "flip one random bit of a forwarded copy"},
     set_number<kPercent, [](Options& o, double v) { o.flip_percent = v; }>},
    {{"rate", "KBIT/S", "limit the rate of UDP payload (0: no limit)"},
     set_number<kKilobits, [](Options& o, double v) { o.rate_kbit_s = v; }>},
    {{"queue", "BYTES", "queue before the rate limit (default 262144)"},
     set_number<kBytes, [](Options& o, double v) { o.queue_bytes = static_cast<std::size_t>(v); }>},
    {{"mtu", "BYTES", "lose datagrams with more UDP payload than this"},
     set_number<kBytes, [](Options& o, double v) { o.mtu_bytes = static_cast<std::size_t>(v); }>},
    {{"blackout", "START:LENGTH", "lose all from START seconds on, for LENGTH seconds; repeatable; or on"},
     set_blackout},
}};

std::string_view strip(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

}  // namespace

std::span<const ImpairmentWord> impairment_words() {
  static const auto all = [] {
    std::array<ImpairmentWord, kRows.size()> words{};
    std::transform(kRows.begin(), kRows.end(), words.begin(), [](const Row& row) { return row.word; });
    return words;
  }();
  return all;
}

tl::expected<void, std::string> apply_impairment(ImpairmentPair& options, std::string_view name,
                                                 std::string_view value, Duration age) {
  const bool up = !name.ends_with("-down");
  const bool down = !name.ends_with("-up");
  const std::string_view base = strip(name, down ? "-down" : "-up");
  const auto* const row = std::find_if(kRows.begin(), kRows.end(),
                                       [&](const Row& candidate) { return candidate.word.name == base; });
  if (row == kRows.end()) return tl::unexpected(fmt::format("'{}' is no impairment", name));
  ImpairmentPair changed = options;
  for (ImpairmentOptions* one : {up ? &changed.up : nullptr, down ? &changed.down : nullptr}) {
    if (one == nullptr) continue;
    if (const auto done = row->set(*one, value, age); !done) {
      return tl::unexpected(fmt::format("{} takes {}, not '{}'", name, done.error(), value));
    }
  }
  options = changed;
  return {};
}

}  // namespace mptunnel::test
