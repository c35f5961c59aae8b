#include "mptunnel/path/path_state.h"

namespace mptunnel {

const char* name_of(PathState state) {
  switch (state) {
    case PathState::fresh:
      return "new";
    case PathState::up:
      return "up";
    case PathState::suspect:
      return "suspect";
    case PathState::down:
      return "down";
  }
  return "unknown";
}

}  // namespace mptunnel
