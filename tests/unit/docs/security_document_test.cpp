// docs/security.md promises nothing without a test: each that it names is in the tree.

#include <gtest/gtest.h>

#include "unit/docs/document_tables.h"
#include "unit/docs/named_tests.h"

namespace mptunnel {
namespace {

using test::document;
using test::NamedTests;
using test::TableRow;

constexpr std::string_view kHeading = "| promise | what holds it | test |";

const NamedTests& named_tests() {
  static const NamedTests tests(std::string(MPTUNNEL_SOURCE_DIR) + "/tests");
  return tests;
}

/// The rows of all tables with the heading; table_rows() knows the first alone.
std::vector<TableRow> promises() {
  std::string text = document("docs/security.md");
  std::vector<TableRow> rows;
  for (std::size_t at = text.find(kHeading); at != std::string::npos; at = text.find(kHeading)) {
    text.erase(0, at);
    for (TableRow& row : test::table_rows(text, kHeading)) rows.push_back(std::move(row));
    text.erase(0, kHeading.size());
  }
  return rows;
}

TEST(SecurityDocument, EachPromiseNamesItsTestsAndTheyExist) {
  const std::vector<TableRow> rows = promises();
  // A check of nothing would find nothing.
  EXPECT_GT(rows.size(), 30U);
  EXPECT_GT(named_tests().size(), 1500U);
  for (const TableRow& row : rows) {
    ASSERT_EQ(row.size(), 3U) << row[0];
    EXPECT_FALSE(row[1].empty()) << row[0];
    const std::vector<std::string> names = test::quoted_words(row[2]);
    EXPECT_FALSE(names.empty()) << row[0];
    for (const std::string& name : names) EXPECT_EQ(named_tests().judge(name), "") << name;
  }
}

struct NameRow {
  const char* name;
  const char* test;
  bool is_there;
};
class SecurityDocumentNames : public testing::TestWithParam<NameRow> {};

TEST_P(SecurityDocumentNames, AreJudged) {
  EXPECT_EQ(named_tests().judge(GetParam().test).empty(), GetParam().is_there);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, SecurityDocumentNames,
    testing::Values(
        NameRow{"Plain", "SecurityDocument.EachPromiseNamesItsTestsAndTheyExist", true},
        NameRow{"OfValues", "SecurityDocumentNames.AreJudged", true},
        NameRow{"OfAFixture", "Hoard.WhoeverHoldsMostYieldsAndAModestClientLosesNothing", true},
        NameRow{"NoSuchName", "SecurityDocument.EachPromise", false},
        NameRow{"NoSuchSuite", "Document.AreJudged", false}, NameRow{"SuiteAlone", "SecurityDocument", false},
        NameRow{"Script", "e2e.keys", true}, NameRow{"NoSuchScript", "e2e.key", false},
        NameRow{"FirstCase", "e2e.quotas:max_flows", true}, NameRow{"LastCase", "e2e.hostile:with_key", true},
        NameRow{"HelperIsNoCase", "e2e.quotas:answer_eightfold", false},
        NameRow{"NoSuchCase", "e2e.keys:with_key", false}, NameRow{"Scenario", "sim.hostile", true},
        NameRow{"NoSuchScenario", "sim.friendly", false}, NameRow{"NoSuchFuzzTarget", "fuzz.nothing", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TestsIn, AreFoundByEachMacroAndOverTwoLines) {
  EXPECT_EQ(test::tests_in("TEST(A, b) {\n}\nTEST_F(C,\n       d) {\n}\nTEST_P(E, f) {}\n  TEST(G, h)\n"),
            (std::set<std::string>{"A.b", "C.d", "E.f"}));
}

}  // namespace
}  // namespace mptunnel
