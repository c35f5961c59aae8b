// Rows of mistakes in a configuration.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace mptunnel::test {

struct ErrorRow {
  const char* name;
  std::string text;
  std::vector<std::string> errors;
};
/// For gtest's messages.
inline void PrintTo(const ErrorRow& row, std::ostream* out) {
  *out << row.name;
}
inline std::string error_row_name(const testing::TestParamInfo<ErrorRow>& info) {
  return info.param.name;
}

}  // namespace mptunnel::test
