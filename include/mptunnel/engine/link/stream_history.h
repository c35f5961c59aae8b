// How much of a session's datagrams arrived lately, whatever path brought them: what its user has of all
// paths together.
#pragma once

#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/path/recent_samples.h"

namespace mptunnel {

class SessionLink;
class Sender;

/// Datagrams that this end sent, those included that no path took, and how many of them the peer got.
Arrivals stream_out(const SessionLink& link, const Sender& sender);

/// The last ten seconds, in samples of one.
class StreamHistory {
 public:
  struct Recent {
    std::optional<double> loss_out;  ///< fractions; nullopt if too little was sent
    std::optional<double> loss_in;
    std::optional<double> before_repair_out;  ///< what the copies alone lost
    std::optional<double> before_repair_in;
  };

  /// To be called about once a second; more often does nothing.
  void sample(const SessionLink& link, const Sender& sender, TimePoint now);
  [[nodiscard]] Recent recent(const SessionLink& link, const Sender& sender) const;

 private:
  struct Sample {
    TimePoint time;
    Arrivals out;
    Arrivals in;
  };

  RecentSamples<Sample> samples_;
};

}  // namespace mptunnel
