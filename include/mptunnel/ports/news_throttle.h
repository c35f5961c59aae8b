// Which of one path's changes are worth a line of the log.
#pragma once

#include "mptunnel/base/time.h"
#include "mptunnel/session/token_bucket.h"

namespace mptunnel {

/// A path that changes all the time is no news: a dozen changes are logged, then one every 30 s.
class NewsThrottle {
 public:
  enum class Verdict : std::uint8_t {
    news,       ///< log it
    last_news,  ///< log instead that further changes are logged rarely
    no_news,    ///< log nothing
  };

  Verdict judge(TimePoint now) {
    if (lines_.take(now)) {
      is_quiet_ = false;
      return Verdict::news;
    }
    if (is_quiet_) return Verdict::no_news;
    is_quiet_ = true;
    return Verdict::last_news;
  }

 private:
  TokenBucket lines_{1.0 / 30, 12};
  bool is_quiet_ = false;
};

}  // namespace mptunnel
