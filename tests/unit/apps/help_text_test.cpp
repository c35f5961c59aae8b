#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "mptunnel/apps/command_options.h"

namespace mptunnel {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// In one line, as it was before it was wrapped.
std::string unwrapped(Program program) {
  return std::regex_replace(help_text(program), std::regex("\\s+"), " ");
}

TEST(HelpText, ListsTheStatementsOfItsProgramWithTheirDefaults) {
  for (const Program program : {Program::mpclient, Program::mpserver}) {
    const std::string text = unwrapped(program);
    for (const Statement& statement : statements()) {
      std::string row = synopsis_of(statement) + " " + std::string(statement.help);
      if (!statement.default_value.empty()) row += " (default: " + std::string(statement.default_value) + ")";
      EXPECT_EQ(text.find(row) != std::string::npos, includes(statement.programs, program)) << row;
    }
  }
  EXPECT_NE(unwrapped(Program::mpserver).find("(must be given)"), std::string::npos);
}

TEST(HelpText, TakesTheMeaningOfAnOptionFromItsStatement) {
  const std::string text = unwrapped(Program::mpclient);
  EXPECT_NE(text.find("--log-level LEVEL debug, info, warning or error (default: info)"), std::string::npos);
  EXPECT_NE(text.find("--offload yes|no whether the kernel may split and join datagrams (default: yes)"),
            std::string::npos);
}

TEST(HelpText, FitsATerminal) {
  for (const Program program : {Program::mpclient, Program::mpserver}) {
    for (const std::string& line : lines_of(help_text(program))) EXPECT_LE(line.size(), 90U) << line;
  }
}

TEST(HelpText, BeginsWithTheUsage) {
  EXPECT_TRUE(help_text(Program::mpclient).starts_with(usage_text(Program::mpclient)));
  EXPECT_TRUE(help_text(Program::mpserver).starts_with(usage_text(Program::mpserver)));
}

}  // namespace
}  // namespace mptunnel
