#include "mptunnel/config/statement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace mptunnel {
namespace {

TEST(Statement, IsFoundByProgramAndWord) {
  ASSERT_NE(find_statement(Program::mpclient, "listen"), nullptr);
  EXPECT_EQ(find_statement(Program::mpclient, "listen")->programs, Programs::mpclient);
  EXPECT_EQ(find_statement(Program::mpserver, "listen")->programs, Programs::mpserver);
  EXPECT_EQ(find_statement(Program::mpserver, "keepalive"), nullptr);
  EXPECT_EQ(find_statement(Program::mpclient, "target"), nullptr);
  EXPECT_EQ(find_statement(Program::mpclient, "Listen"), nullptr);
  EXPECT_EQ(find_statement(Program::mpclient, "cipher"), find_statement(Program::mpserver, "cipher"));
}

TEST(Statement, WithoutAWordIsTheClientsAlone) {
  ASSERT_NE(find_statement(Program::mpclient, ""), nullptr);
  EXPECT_EQ(synopsis_of(*find_statement(Program::mpclient, "")), "HOST PORT [option...]");
  EXPECT_EQ(find_statement(Program::mpserver, ""), nullptr);
  const auto words = statement_words(Program::mpclient);
  EXPECT_EQ(std::count(words.begin(), words.end(), ""), 0);
}

TEST(Statement, HasAnUnmistakableWord) {
  for (const Program program : {Program::mpclient, Program::mpserver}) {
    const auto words = statement_words(program);
    EXPECT_EQ(std::set<std::string_view>(words.begin(), words.end()).size(), words.size());
    for (const std::string_view word : words) {
      // Host names may have digits: a line whose first word has one is never taken for a misspelt statement.
      EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos) << word;
    }
  }
}

TEST(Statement, RowIsComplete) {
  for (const Statement& statement : statements()) {
    EXPECT_FALSE(statement.argument.empty()) << statement.word;
    EXPECT_FALSE(statement.help.empty()) << statement.word;
    EXPECT_TRUE(statement.default_value.empty() || statement.default_text.empty()) << statement.word;
    const bool is_shown = !std::holds_alternative<std::monostate>(statement.show);
    EXPECT_EQ(is_shown, !statement.word.empty()) << statement.word;
  }
}

TEST(Statement, SynopsisHasWordAndArgument) {
  EXPECT_EQ(synopsis_of(*find_statement(Program::mpclient, "min-paths")), "min-paths N");
}

TEST(BridgeOptions, AreTakenAsTheirFormSays) {
  for (const BridgeOption& option : bridge_options()) {
    EXPECT_TRUE(option.form.empty() || option.form.starts_with(std::string(option.word) + "="))
        << option.word;
    EXPECT_FALSE(option.default_text.empty()) << option.word;
  }
}

}  // namespace
}  // namespace mptunnel
