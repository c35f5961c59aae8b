#include "mptunnel/host/log.h"

#include <gtest/gtest.h>

#include <string>

namespace mptunnel {
namespace {

TEST(Log, WritesLinesFromItsLevelOnToStandardError) {
  testing::internal::CaptureStderr();
  log_debug("quiet {}", 1);
  log_info("heard {} {{}}", 2);
  set_log_level(LogLevel::error);
  log_warning("quiet {}", 3);
  log_error("heard {}", "{4}");
  set_log_level(LogLevel::info);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("quiet"), std::string::npos) << text;
  EXPECT_NE(text.find(" info: heard 2 {}\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" error: heard {4}\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace mptunnel
