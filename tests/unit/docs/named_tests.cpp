#include "unit/docs/named_tests.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

namespace mptunnel::test {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What a list of cases at the end of a script looks like: "harness.run(one, two)".
bool runs_case(const std::string& script, std::string_view name) {
  const std::size_t run = script.rfind("harness.run(");
  if (run == std::string::npos) return false;
  std::string list = script.substr(run + std::string_view("harness.run").size());
  std::replace_if(
      list.begin(), list.end(), [](char letter) { return letter == '\n' || letter == '('; }, ' ');
  for (const char behind : {',', ')'}) {
    if (list.find(" " + std::string(name) + behind) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::set<std::string> tests_in(std::string_view source) {
  constexpr std::array<std::string_view, 3> kMacros{"TEST(", "TEST_F(", "TEST_P("};
  std::set<std::string> tests;
  for (const std::string_view macro : kMacros) {
    for (std::size_t at = source.find(macro); at != std::string_view::npos; at = source.find(macro, at + 1)) {
      if (at != 0 && source[at - 1] != '\n') continue;
      const std::size_t begin = at + macro.size();
      std::string name(source.substr(begin, source.find(')', begin) - begin));
      name.erase(std::remove_if(name.begin(), name.end(),
                                [](char letter) { return letter == ' ' || letter == '\n'; }),
                 name.end());
      std::replace(name.begin(), name.end(), ',', '.');
      tests.insert(name);
    }
  }
  return tests;
}

NamedTests::NamedTests(const fs::path& folder) : folder_(folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".cpp") tests_.merge(tests_in(content_of(entry.path())));
  }
}

std::string NamedTests::judge(std::string_view name) const {
  const std::string_view what = name.substr(name.find('.') + 1);
  if (name.starts_with("e2e.")) return judge_script(what);
  if (name.starts_with("sim.")) {
    const std::string kinds = content_of(folder_ / "sim" / "scenario_kinds.cpp");
    const bool is_there = kinds.find(".name = \"" + std::string(what) + '"') != std::string::npos;
    return is_there ? "" : "there is no such scenario";
  }
  if (name.starts_with("fuzz."))
    return fs::is_directory(folder_ / "fuzz" / "corpus" / what) ? "" : "there is no such fuzz target";
  return tests_.contains(std::string(name)) ? "" : "there is no such test";
}

std::string NamedTests::judge_script(std::string_view name) const {
  const std::size_t colon = name.find(':');
  const std::string script = content_of(folder_ / "e2e" / (std::string(name.substr(0, colon)) + ".py"));
  if (script.empty()) return "there is no such script";
  if (colon == std::string_view::npos || runs_case(script, name.substr(colon + 1))) return {};
  return "the script does not run this";
}

}  // namespace mptunnel::test
