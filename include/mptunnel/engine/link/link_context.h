// What all sessions of one engine share on their data path.
#pragma once

#include <utility>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/random.h"
#include "mptunnel/schedule/copies.h"
#include "mptunnel/session/copy_check.h"

namespace mptunnel {

struct LinkContext {
  /// `source` outlives the context.
  explicit LinkContext(RandomSource& source, MakeScheduler make = make_copies)
      : random(source), make_scheduler(std::move(make)) {}

  RandomSource& random;
  DropCounters drops;
  CopyCheck copy_checks;
  MakeScheduler make_scheduler;
};

}  // namespace mptunnel
