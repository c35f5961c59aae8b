// What a program is started with.
#pragma once

#include <string>

#include "mptunnel/apps/start.h"

namespace mptunnel::test {

/// As a file has it.
inline const std::string kKeyOfZeros = std::string(43, 'A') + "=";

inline CommandLine with_config(const std::string& path) {
  CommandLine line;
  line.config_path = path;
  return line;
}

}  // namespace mptunnel::test
