#include "mptunnel/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace mptunnel {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "mptunnel: bug: assertion '%s' failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace mptunnel
