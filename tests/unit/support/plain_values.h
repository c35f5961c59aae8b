// Times and bytes as tests write them.
#pragma once

#include <chrono>
#include <string>

#include "mptunnel/base/time.h"
#include "support/common/samples.h"

namespace mptunnel::test {

inline TimePoint at(int ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

inline std::string text_of(const Buffer& bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace mptunnel::test
