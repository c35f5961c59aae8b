#include "mptunnel/control/share_status.h"

#include <fmt/format.h>

#include <string_view>

#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

std::string_view name_of(PathShare::Use use) {
  switch (use) {
    case PathShare::Use::used:
      return "used";
    case PathShare::Use::sought:
      return "sought";
    case PathShare::Use::silent:
      return "silent";
    case PathShare::Use::slow:
      return "slow";
  }
  return "";
}

std::uint64_t bits_of(double bytes) {
  return static_cast<std::uint64_t>(bytes * 8);
}

}  // namespace

std::optional<ShareStatus> share_values(const std::optional<PathShare>& share) {
  if (!share) return std::nullopt;
  ShareStatus status;
  status.use = name_of(share->use);
  status.rate_bps = bits_of(share->bytes_per_second);
  status.queue = share->queue;
  status.behind = share->behind;
  status.loss = share->loss;
  if (share->capacity > 0) status.capacity_bps = bits_of(share->capacity);
  return status;
}

std::string share_words(const ShareStatus& share) {
  const std::string capacity = share.capacity_bps ? format_rate(*share.capacity_bps) : std::string("nothing");
  if (share.use == "slow") {
    return fmt::format("carries probes and repair alone: it takes {} more than the fastest, too much for {}",
                       format_delay(share.behind), capacity);
  }
  if (share.use == "silent") return "carries nothing but probes: it does not acknowledge what it is sent";
  if (share.use == "sought")
    return fmt::format("what it passes on is being looked for; so far: {}", capacity);
  return fmt::format("passes on at least {}, packets wait there for {}, {} are lost", capacity,
                     format_delay(share.queue), format_fraction(share.loss));
}

}  // namespace mptunnel
