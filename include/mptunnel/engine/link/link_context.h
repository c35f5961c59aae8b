// What all sessions of one engine share on their data path.
#pragma once

#include <functional>
#include <memory>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/random.h"
#include "mptunnel/schedule/copies.h"
#include "mptunnel/session/copy_check.h"

namespace mptunnel {

struct LinkContext {
  /// `source` outlives the context.
  explicit LinkContext(RandomSource& source) : random(source) {}

  RandomSource& random;
  DropCounters drops;
  CopyCheck copy_checks;
  /// Makes the scheduler of a new session.
  std::function<std::unique_ptr<Scheduler>()> make_scheduler = [] {
    return std::make_unique<CopiesScheduler>();
  };
};

}  // namespace mptunnel
