// lossy_bridge: a UDP relay that impairs what it relays. See tests/support/README.md.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "support/bridge/bridge.h"

namespace mptunnel::test {
namespace {

int run(int argc, char** argv) {
  const ParsedBridgeOptions parsed = parse_bridge_options(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  raise_file_limit();
  const auto bridge = Bridge::create(*parsed.options);
  if (!bridge) {
    fmt::print(stderr, "lossy_bridge: {}\n", bridge.error());
    return 1;
  }
  fmt::print("listening {}\n", (*bridge)->listening().to_string());
  std::fflush(stdout);
  (*bridge)->run();
  (*bridge)->report();
  return 0;
}

}  // namespace
}  // namespace mptunnel::test

int main(int argc, char** argv) {
  try {
    return mptunnel::test::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lossy_bridge: %s\n", error.what());
    return 1;
  }
}
