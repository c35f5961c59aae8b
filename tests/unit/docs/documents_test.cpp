// Holds the Markdown documents to what their readers rely on: links lead somewhere, and the README is short.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestReadme = 199;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(file) << path;
  return text.str();
}

/// The anchor that a heading gets where Markdown is shown: "### A `b` c" is "a-b-c".
std::string anchor_of(std::string_view heading) {
  std::string anchor;
  for (const char letter : heading.substr(std::min(heading.find_first_not_of("# "), heading.size()))) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) != 0 || letter == '-' || letter == '_')
      anchor += static_cast<char>(std::tolower(byte));
    if (letter == ' ') anchor += '-';
  }
  return anchor;
}

bool is_code(std::string_view line) {
  return line.starts_with("    ");
}

bool has_heading(const std::string& text, std::string_view anchor) {
  const std::vector<std::string> lines = lines_of(text);
  return std::any_of(lines.begin(), lines.end(), [anchor](const std::string& line) {
    return line.starts_with('#') && anchor_of(line) == anchor;
  });
}

/// What is wrong with `link` in the document `path`; empty if it leads to a file, and to a heading of it.
std::string judge(const fs::path& path, const std::string& text, std::string_view link) {
  if (link.find("://") != std::string_view::npos) return {};
  const std::size_t hash = link.find('#');
  const std::string_view file = link.substr(0, hash);
  const fs::path target = file.empty() ? path : path.parent_path() / file;
  if (!file.empty() && !fs::exists(target)) return "there is no such file";
  if (hash == std::string_view::npos) return {};
  const bool found = has_heading(file.empty() ? text : content_of(target), link.substr(hash + 1));
  return found ? "" : "there is no such heading";
}

/// One line for each link of the document that leads nowhere.
std::vector<std::string> broken_links(const fs::path& path, const std::string& text) {
  static const std::regex kLink(R"(\[[^\]]*\]\(([^)\s]+)\))");
  std::vector<std::string> broken;
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (is_code(lines[i])) continue;
    for (auto match = std::sregex_iterator(lines[i].begin(), lines[i].end(), kLink);
         match != std::sregex_iterator(); ++match) {
      const std::string link = (*match)[1];
      const std::string wrong = judge(path, text, link);
      if (!wrong.empty())
        broken.push_back(path.string() + ":" + std::to_string(i + 1) + ": " + link + ": " + wrong);
    }
  }
  return broken;
}

std::vector<fs::path> documents() {
  const fs::path root = MPTUNNEL_SOURCE_DIR;
  std::vector<fs::path> found{root / "README.md"};
  for (const char* folder : {"docs", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".md") found.push_back(entry.path());
    }
  }
  return found;
}

TEST(Documents, EveryLinkLeadsToAFileAndItsHeading) {
  const std::vector<fs::path> all = documents();
  // A check of nothing would find nothing.
  EXPECT_GT(all.size(), 8U);
  for (const fs::path& path : all) {
    for (const std::string& broken : broken_links(path, content_of(path))) ADD_FAILURE() << broken;
  }
}

TEST(Documents, ReadmeIsShort) {
  EXPECT_LE(lines_of(content_of(fs::path(MPTUNNEL_SOURCE_DIR) / "README.md")).size(), kLongestReadme);
}

struct LinkRow {
  const char* name;
  const char* line;
  bool is_broken;
};
class DocumentsTable : public testing::TestWithParam<LinkRow> {};

TEST_P(DocumentsTable, TellsABrokenLink) {
  const fs::path path = fs::path(MPTUNNEL_SOURCE_DIR) / "docs" / "none.md";
  const std::string text = "# Sizes and MTU\n\n" + std::string(GetParam().line) + "\n";
  EXPECT_EQ(broken_links(path, text).size(), GetParam().is_broken ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Rows, DocumentsTable,
                         testing::Values(LinkRow{"File", "see [it](protocol.md)", false},
                                         LinkRow{"FileAbove", "see [it](../README.md)", false},
                                         LinkRow{"NoFile", "see [it](missing.md)", true},
                                         LinkRow{"Heading", "see [it](protocol.md#the-received-set)", false},
                                         LinkRow{"NoHeading", "see [it](protocol.md#missing)", true},
                                         LinkRow{"OwnHeading", "see [it](#sizes-and-mtu)", false},
                                         LinkRow{"NoOwnHeading", "see [it](#sizes)", true},
                                         LinkRow{"SecondOfTwo", "see [it](protocol.md) and [it](missing.md)",
                                                 true},
                                         LinkRow{"Image", "![it](missing.svg)", true},
                                         LinkRow{"Web", "see [it](https://example.net/missing)", false},
                                         LinkRow{"Code", "    array[1](missing.md)", false}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
