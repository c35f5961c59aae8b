#include "sim/journal.h"

#include <cstdio>

namespace mptunnel::sim {
namespace {

constexpr std::size_t kKept = 10;

}  // namespace

void Journal::print(const std::string& line) const {
  fmt::print("{:12.6f}  {}\n", std::chrono::duration<double>(events_.now() - kStart).count(), line);
}

void Journal::record(const std::string& text) {
  const std::string line =
      fmt::format("at {:.6f} s: {}", std::chrono::duration<double>(events_.now() - kStart).count(), text);
  if (tracing_) print("BROKEN: " + text);
  if (texts_.size() < kKept) texts_.push_back(line);
  ++failures_;
}

}  // namespace mptunnel::sim
