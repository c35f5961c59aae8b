// What the log says while a test runs.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "mptunnel/host/log.h"

namespace mptunnel::test {

class CapturedLog {
 public:
  CapturedLog() { testing::internal::CaptureStderr(); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  ~CapturedLog() { testing::internal::GetCapturedStderr(); }

  /// The lines since the last call, without time: "warning: ...\n".
  std::string take() {
    const std::string text = testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    std::string lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at) + 1;
      lines += text.substr(at + kTimeBytes, end - at - kTimeBytes);
      at = end;
    }
    return lines;
  }

 private:
  static constexpr std::size_t kTimeBytes = 24;  ///< "2026-11-25 18:25:05.825 "
};

}  // namespace mptunnel::test
