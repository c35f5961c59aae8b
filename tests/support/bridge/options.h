// What lossy_bridge was asked to do. It opens nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "support/bridge/impairment_text.h"
#include "support/common/mutator.h"

namespace mptunnel::test {

enum class Direction : std::uint8_t { up, down };
inline constexpr std::array<Direction, 2> kDirections{Direction::up, Direction::down};

struct BridgeOptions {
  std::string listen;
  std::string target;
  ImpairmentPair impairments;
  std::uint64_t seed = 1;
  std::size_t max_clients = 1000;
  double idle_seconds = 60;
  std::vector<double> rebind_at;  ///< seconds after the start
  double for_seconds = 0;         ///< 0: until a signal
  std::string control_path;       ///< empty: none
  std::string stats_file;         ///< empty: none

  std::string capture_file;  ///< empty: none
  std::size_t capture_limit = 10000;
  bool capture_up = true;
  bool capture_down = true;

  std::string trace_file;  ///< empty: none
  std::size_t trace_limit = 1000000;

  std::array<std::string, 2> inject;  ///< by direction: a sample file, "live", "none", or empty: no injection
  double inject_rate = 1000;
  MutatorOptions inject_mutator;
};

struct ParsedBridgeOptions {
  std::optional<BridgeOptions> options;  ///< unset: the program shall end
  int exit_code = 0;
};

/// Reads the command line; prints help (exit code 0) and mistakes (2) itself.
ParsedBridgeOptions parse_bridge_options(int argc, char** argv);

}  // namespace mptunnel::test
