// The documents say what the tables of statements and options say. A test that fails prints the row of the
// document that would be right.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <span>

#include "mptunnel/apps/command_options.h"
#include "mptunnel/config/statement.h"
#include "unit/docs/document_tables.h"

namespace mptunnel {
namespace {

using test::document;
using test::ManualEntry;
using test::TableRow;

constexpr std::string_view kStatementHeading = "| statement | in | meaning | default |";
constexpr std::array kPrograms{Program::mpclient, Program::mpserver};

/// The document that has the table with this heading.
std::vector<TableRow> rows_of(std::string_view heading) {
  for (const char* name : {"docs/configuration.md", "README.md"}) {
    auto rows = test::table_rows(document(name), heading);
    if (!rows.empty()) return rows;
  }
  ADD_FAILURE() << "no document has a table with the heading " << heading;
  return {};
}

std::string default_of(const Statement& statement) {
  if (!statement.default_value.empty()) return fmt::format("`{}`", statement.default_value);
  return std::string(statement.default_text);
}

std::string_view place_of(const Statement& statement) {
  if (statement.programs == Programs::both) return "both";
  return statement.programs == Programs::mpclient ? "mpclient.conf" : "mpserver.conf";
}

/// As a row of the document: what is a row for each program in the table is one row for both there.
std::vector<TableRow> expected_rows() {
  std::vector<TableRow> rows;
  for (const Statement& statement : statements()) {
    const TableRow row{fmt::format("`{}`", synopsis_of(statement)), std::string(place_of(statement)),
                       std::string(statement.help), default_of(statement)};
    const auto twin =
        std::find_if(rows.begin(), rows.end(), [&row](const TableRow& other) { return other[0] == row[0]; });
    if (twin == rows.end()) {
      rows.push_back(row);
    } else {
      *twin = {row[0], "both", (*twin)[2] + "; " + row[2],
               fmt::format("mpclient: {}; mpserver: {}", (*twin)[3], row[3])};
    }
  }
  return rows;
}

/// The row as it is written in a document.
std::string written(const TableRow& row) {
  std::string text = "|";
  for (const std::string& cell : row)
    text += fmt::format(" {} |", std::regex_replace(cell, std::regex("\\|"), "\\|"));
  return text;
}

TEST(StatementDocuments, TableHasARowForEachStatement) {
  const auto documented = rows_of(kStatementHeading);
  const auto expected = expected_rows();
  for (const TableRow& row : expected) {
    const bool is_there = std::any_of(documented.begin(), documented.end(), [&row](const TableRow& other) {
      return other.size() == 4 && other[0] == row[0] && other[1] == row[1] && !other[2].empty() &&
             other[3] == row[3];
    });
    EXPECT_TRUE(is_there) << "a row is missing, or has another place or default (any meaning will do):\n"
                          << written(row);
  }
  EXPECT_EQ(documented.size(), expected.size());
}

/// Holds the table with this heading against the options at the end of a line.
template <typename Target>
void expect_rows(std::string_view heading, std::span<const LineOption<Target>> options) {
  const auto documented = rows_of(heading);
  std::set<std::string> words;
  for (const TableRow& row : documented) {
    ASSERT_EQ(row.size(), 3U);
    const std::string option = test::quoted_words(row[0]).at(0);
    words.insert(option.substr(0, option.find('=')));
  }
  for (const LineOption<Target>& option : options) {
    const std::string start = fmt::format("`{}{}", option.word, option.form.empty() ? "`" : "=");
    const bool is_there = std::any_of(documented.begin(), documented.end(), [&](const TableRow& row) {
      return row[0].starts_with(start) && row[2].find(option.default_text) != std::string::npos;
    });
    EXPECT_TRUE(is_there) << option.word << ": " << option.default_text;
  }
  EXPECT_EQ(words.size(), options.size());
}

TEST(StatementDocuments, TableHasARowForEachBridgeOption) {
  expect_rows("| bridge option | meaning | default |", bridge_options());
}

TEST(StatementDocuments, TableHasARowForEachOptionOfTheKeyring) {
  expect_rows("| keyring option | meaning | default |", key_options());
}

TEST(StatementDocuments, TableHasEachOptionAndVariable) {
  std::set<std::string> documented;
  for (const TableRow& row : rows_of("| option | meaning |")) {
    for (const std::string& word : test::quoted_words(row.at(0))) documented.insert(word);
  }
  std::set<std::string> expected;
  for (const Option& option : command_options()) {
    expected.insert(fmt::format("{}{}{}", option.word, option.value.empty() ? "" : " ", option.value));
    if (!option.letter.empty()) expected.insert(std::string(option.letter));
  }
  EXPECT_EQ(documented, expected);
  documented.clear();
  expected.clear();
  for (const TableRow& row : rows_of("| environment | meaning |"))
    documented.insert(test::quoted_words(row.at(0)).at(0));
  for (const EnvironmentVariable& variable : environment_variables()) expected.insert(variable.name);
  EXPECT_EQ(documented, expected);
}

/// Whether the text says what the statement is like if it is left out.
bool says_default(const std::string& text, const Statement& statement) {
  const auto contains = [&text](const std::string& words) { return text.find(words) != std::string::npos; };
  if (!statement.default_value.empty()) {
    return contains(fmt::format("default is {} ", statement.default_value)) ||
           contains(fmt::format("{} , the default", statement.default_value));
  }
  if (statement.default_text == kMustBeGiven) return contains("must be given");
  return statement.default_text.empty() || contains(fmt::format("default is {}", statement.default_text));
}

TEST(StatementDocuments, ManualPageHasEachStatement) {
  for (const Program program : kPrograms) {
    const std::string name = fmt::format("docs/man/{}.conf.5", name_of(program));
    const auto entries = test::manual_entries(document(name));
    std::size_t count = 0;
    for (const Statement& statement : statements()) {
      if (!includes(statement.programs, program)) continue;
      ++count;
      const auto entry = std::find_if(entries.begin(), entries.end(), [&](const ManualEntry& one) {
        return !one.is_nested && one.term == test::term_of(synopsis_of(statement));
      });
      ASSERT_NE(entry, entries.end()) << name << " has no .It for " << synopsis_of(statement);
      EXPECT_TRUE(says_default(entry->text, statement))
          << name << ", " << synopsis_of(statement) << ": default " << default_of(statement) << " is not in"
          << entry->text;
    }
    EXPECT_EQ(
        std::count_if(entries.begin(), entries.end(), [](const auto& entry) { return !entry.is_nested; }),
        count);
  }
}

TEST(StatementDocuments, FileInConfShowsEachStatement) {
  for (const Program program : kPrograms) {
    const std::string name = fmt::format("conf/{}.conf", name_of(program));
    const std::string text = document(name);
    for (const std::string_view word : statement_words(program)) {
      const bool is_there = text.find(fmt::format("\n{} ", word)) != std::string::npos ||
                            text.find(fmt::format("\n#{} ", word)) != std::string::npos;
      EXPECT_TRUE(is_there) << name << " does not show " << word;
    }
  }
}

/// Holds the entries within an entry of a manual page against the options at the end of a line.
template <typename Target>
void expect_nested_entries(const std::string& page, std::span<const LineOption<Target>> options) {
  const auto entries = test::manual_entries(document(page));
  std::set<std::string> documented;
  for (const ManualEntry& entry : entries) {
    if (entry.is_nested) documented.insert(entry.term.substr(0, entry.term.find('=')));
  }
  std::set<std::string> expected;
  for (const LineOption<Target>& option : options) expected.insert(std::string(option.word));
  EXPECT_EQ(documented, expected) << page;
}

TEST(StatementDocuments, ManualPageHasEachBridgeOption) {
  expect_nested_entries("docs/man/mpclient.conf.5", bridge_options());
}

TEST(StatementDocuments, ManualPageHasEachOptionOfTheKeyring) {
  expect_nested_entries("docs/man/mpserver.conf.5", key_options());
}

TEST(StatementDocuments, ManualPageHasEachOptionAndVariable) {
  for (const Program program : kPrograms) {
    std::set<std::string> documented;
    for (const ManualEntry& entry :
         test::manual_entries(document(fmt::format("docs/man/{}.1", name_of(program))))) {
      if (entry.term.starts_with('-') || entry.term.starts_with("mptunnel")) documented.insert(entry.term);
    }
    std::set<std::string> expected;
    for (const Option& option : command_options()) {
      if (!includes(option.programs, program)) continue;
      const std::string_view comma = option.letter.empty() ? "" : ",";
      expected.insert(
          test::term_of(fmt::format("{}{}{}{}", option.letter, comma, option.word, option.value)));
    }
    for (const EnvironmentVariable& variable : environment_variables())
      expected.insert(test::term_of(variable.name));
    EXPECT_EQ(documented, expected) << name_of(program);
  }
}

}  // namespace
}  // namespace mptunnel
