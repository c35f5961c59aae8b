#include "support/bridge/impairments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mptunnel::test {
namespace {

// The random streams of a link, one a purpose.
constexpr std::uint64_t kLossStream = 1;
constexpr std::uint64_t kBurstStream = 2;
constexpr std::uint64_t kDuplicateStream = 3;
constexpr std::uint64_t kFlipStream = 4;
constexpr std::uint64_t kJitterStream = 5;

constexpr std::array<const char*, kLossKinds> kLossNames{"random", "burst",  "shared", "blackout", "mtu",
                                                         "queue",  "memory", "client", "send"};

bool chance(Prng& random, double percent) {
  return random.uniform() < percent / 100;
}

/// The same answer for the same bytes; different datagrams are independent of one another.
bool chance(ConstBytes datagram, double percent) {
  if (percent <= 0) return false;
  std::uint64_t hash = datagram.size();
  for (std::size_t at = 0; at < datagram.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, datagram.data() + at, std::min(sizeof(word), datagram.size() - at));
    std::uint64_t state = hash ^ word;
    hash = split_mix64(state);
  }
  Prng random(hash);
  return chance(random, percent);
}

}  // namespace

const char* name_of(Loss loss) {
  return kLossNames[static_cast<std::size_t>(loss)];
}

tl::expected<void, std::string> ImpairmentOptions::check() const {
  if (!BurstLoss::possible(burst_loss_percent, burst_length)) {
    return tl::unexpected(
        fmt::format("a burst loss of {} % takes longer bursts than {}", burst_loss_percent, burst_length));
  }
  return {};
}

bool BurstLoss::possible(double percent, double mean_length) {
  // With one good datagram between bursts, length / (length + 1) are lost.
  return mean_length >= 1 && (percent >= 100 || percent / 100 <= mean_length / (mean_length + 1));
}

BurstLoss::BurstLoss(double percent, double mean_length, std::uint64_t seed) : random_(seed, kBurstStream) {
  set(percent, mean_length);
  bad_ = chance(random_, percent);
}

void BurstLoss::set(double percent, double mean_length) {
  const double share = percent / 100;
  if (share >= 1) {
    enter_ = 1;
    leave_ = 0;
    return;
  }
  leave_ = 1 / mean_length;
  // The share of time in the bad state is enter / (enter + leave).
  enter_ = leave_ * share / (1 - share);
}

bool BurstLoss::lose() {
  const double draw = random_.uniform();
  bad_ = bad_ ? draw >= leave_ : draw < enter_;
  return bad_;
}

std::optional<TimePoint> RateLimiter::admit(std::size_t bytes, double kbit_s, std::size_t queue_bytes,
                                            TimePoint now) {
  const double ns_per_byte = 8e6 / kbit_s;
  const TimePoint begin = std::max(now, busy_until_);
  const double waiting = static_cast<double>((begin - now).count()) / ns_per_byte;
  if (begin > now && waiting + static_cast<double>(bytes) > static_cast<double>(queue_bytes))
    return std::nullopt;
  busy_until_ = begin + Duration(static_cast<Duration::rep>(static_cast<double>(bytes) * ns_per_byte));
  return busy_until_;
}

Impairments::Impairments(const ImpairmentOptions& options, std::uint64_t seed, TimePoint start)
    : options_(options),
      start_(start),
      burst_(options.burst_loss_percent, options.burst_length, seed),
      loss_random_(seed, kLossStream),
      duplicate_random_(seed, kDuplicateStream),
      flip_random_(seed, kFlipStream),
      jitter_random_(seed, kJitterStream) {}

void Impairments::set_options(const ImpairmentOptions& options) {
  options_ = options;
  burst_.set(options.burst_loss_percent, options.burst_length);
}

bool Impairments::in_blackout(TimePoint now) const {
  if (options_.blackout) return true;
  const Duration age = now - start_;
  return std::any_of(options_.blackouts.begin(), options_.blackouts.end(),
                     [&](const Blackout& one) { return one.begin <= age && age < one.end; });
}

Verdict Impairments::judge(ConstBytes datagram, TimePoint now) {
  return judge(datagram.size(), chance(datagram, options_.shared_loss_percent), now);
}

Verdict Impairments::judge(std::size_t bytes, bool lost_on_all, TimePoint now) {
  const bool lost = chance(loss_random_, options_.loss_percent);
  const bool lost_in_burst = burst_.lose();
  const bool duplicated = chance(duplicate_random_, options_.duplicate_percent);
  std::array<double, 2> jitter{};
  std::array<std::optional<std::uint32_t>, 2> flips{};
  for (std::size_t i = 0; i < 2; ++i) {
    jitter[i] = jitter_random_.uniform();
    const bool flip = chance(flip_random_, options_.flip_percent);
    const std::uint64_t bit = flip_random_.below(std::max<std::uint64_t>(bytes * 8, 1));
    if (flip && bytes > 0) flips[i] = static_cast<std::uint32_t>(bit);
  }

  Verdict verdict;
  if (in_blackout(now)) {
    verdict.loss = Loss::blackout;
  } else if (bytes > options_.mtu_bytes) {
    verdict.loss = Loss::mtu;
  } else if (lost_on_all) {
    verdict.loss = Loss::shared;
  } else if (lost) {
    verdict.loss = Loss::random;
  } else if (lost_in_burst) {
    verdict.loss = Loss::burst;
  } else {
    verdict.duplicated = duplicated;
    for (std::size_t i = 0; i < (duplicated ? 2U : 1U); ++i)
      judge_copy(verdict, bytes, jitter[i], flips[i], now);
  }
  return verdict;
}

void Impairments::judge_copy(Verdict& verdict, std::size_t bytes, double jitter,
                             std::optional<std::uint32_t> flip, TimePoint now) {
  TimePoint release = now;
  if (options_.rate_kbit_s > 0) {
    const auto departure = rate_.admit(bytes, options_.rate_kbit_s, options_.queue_bytes, now);
    if (!departure) {
      ++verdict.queue_drops;
      return;
    }
    release = *departure;
  }
  release += options_.delay;
  release += Duration(static_cast<Duration::rep>(static_cast<double>(options_.jitter.count()) * jitter));
  if (options_.keep_order) release = std::max(release, last_release_);
  last_release_ = std::max(release, last_release_);
  verdict.copies[verdict.count++] = {.release = release, .flipped_bit = flip};
}

}  // namespace mptunnel::test
