// The tests that a document names, and whether the tree has them.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace mptunnel::test {

/// "Suite.Name" of each GoogleTest in a source, whatever its macro.
std::set<std::string> tests_in(std::string_view source);

/// What can be run by name: tests of GoogleTest, scripts and random simulations.
class NamedTests {
 public:
  /// Reads all sources below the folder.
  explicit NamedTests(const std::filesystem::path& folder);

  /// Why this names no test; empty if it does:
  ///
  ///     Suite.Name           a test of GoogleTest
  ///     e2e.script           a script of tests/e2e
  ///     e2e.script:case      a function of it that is run as a test
  ///     sim.scenario         random runs of the simulation
  ///     fuzz.target          a fuzz target with its corpus
  [[nodiscard]] std::string judge(std::string_view name) const;
  [[nodiscard]] std::size_t size() const { return tests_.size(); }

 private:
  [[nodiscard]] std::string judge_script(std::string_view name) const;

  std::filesystem::path folder_;
  std::set<std::string> tests_;
};

}  // namespace mptunnel::test
