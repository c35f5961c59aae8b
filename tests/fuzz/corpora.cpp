// Runs each file of a folder, or one file, through a fuzz target: what was found once stays a test, without
// libFuzzer.
//
//     fuzz_corpora TARGET FOLDER|FILE
//
// An input that breaks something ends the process; the last line names it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/targets.h"

namespace {

using namespace mptunnel;

struct Target {
  std::string_view name;
  void (*run)(ConstBytes input);
};
#define MPT_FUZZ_ROW(name) Target{#name, fuzz::fuzz_##name},
constexpr Target kTargets[] = {MPT_FUZZ_TARGETS(MPT_FUZZ_ROW)};
#undef MPT_FUZZ_ROW

/// In the order of their names. Throws if there is no such place.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& place) {
  if (std::filesystem::is_regular_file(place)) return {place};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(place)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// False if the file can't be read.
bool run_file(const Target& target, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) return false;
  // Before it runs: it may be the last that is heard of this process.
  fmt::print(stderr, "{} {}\n", target.name, path.string());
  target.run({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc == 3 ? argv[1] : "";
  const auto* const target = std::find_if(std::begin(kTargets), std::end(kTargets),
                                          [&](const Target& row) { return row.name == name; });
  if (target == std::end(kTargets)) {
    fmt::print(stderr, "usage: {} TARGET FOLDER|FILE; the targets:", argv[0]);
    for (const Target& row : kTargets) fmt::print(stderr, " {}", row.name);
    fmt::print(stderr, "\n");
    return 2;
  }
  const auto files = files_of(argv[2]);
  for (const auto& file : files) {
    if (!run_file(*target, file)) {
      fmt::print(stderr, "{} can't be read\n", file.string());
      return 1;
    }
  }
  if (files.empty()) fmt::print(stderr, "no file in {}: it would test nothing\n", argv[2]);
  return files.empty() ? 1 : 0;
}
