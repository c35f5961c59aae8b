#include "recording.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace mptunnel::test {
namespace {

std::string file_of(const std::string& name) {
  return std::string(MPTUNNEL_SOURCE_DIR "/tests/unit/engine/recorded_packets/") + name + ".txt";
}

Recording read_lines(const std::string& file) {
  std::ifstream in(file);
  Recording lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The first difference, with what was the same before it and what follows in both.
void expect_same(const Recording& recorded, const Recording& now) {
  if (recorded == now) return;
  std::size_t at = 0;
  while (at < recorded.size() && at < now.size() && recorded[at] == now[at]) ++at;
  const auto lines = [](const Recording& from, std::size_t first, std::size_t end, const char* mark) {
    std::string text;
    for (std::size_t i = first; i < std::min(end, from.size()); ++i) text += mark + from[i] + "\n";
    return text;
  };
  ADD_FAILURE() << "line " << at + 1 << " differs:\n"
                << lines(recorded, at < 4 ? 0 : at - 4, at, "  ") << lines(recorded, at, at + 3, "- ")
                << lines(now, at, at + 3, "+ ") << recorded.size() << " lines recorded, " << now.size()
                << " now";
}

}  // namespace

void expect_recorded(const std::string& name, const Recording& made) {
  const std::string file = file_of(name);
  if (std::getenv("MPTUNNEL_RECORD") != nullptr) {
    std::ofstream out(file);
    for (const std::string& line : made) out << line << '\n';
    ASSERT_TRUE(out.flush()) << file;
    return;
  }
  const Recording recorded = read_lines(file);
  ASSERT_FALSE(recorded.empty()) << file;
  expect_same(recorded, made);
}

}  // namespace mptunnel::test
