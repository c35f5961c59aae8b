// ip(8), for tests in a namespace of their own: it is another opinion of what was set up.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace mptunnel::test {

/// The number of a routing table that nobody else has.
inline constexpr std::uint32_t kTable = 7109;

/// Whether it did it.
inline bool run_ip(const std::string& arguments) {
  return std::system(("ip " + arguments + " >/dev/null 2>&1").c_str()) == 0;  // NOLINT(concurrency-mt-unsafe)
}

/// What it printed.
inline std::string ask_ip(const std::string& arguments) {
  std::string text;
  FILE* pipe = popen(("ip " + arguments + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return text;
  for (int letter = fgetc(pipe); letter != EOF; letter = fgetc(pipe)) text += static_cast<char>(letter);
  pclose(pipe);
  return text;
}

}  // namespace mptunnel::test
