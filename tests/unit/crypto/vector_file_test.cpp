#include "vector_file.h"

#include <gtest/gtest.h>

namespace mptunnel::test {
namespace {

TEST(VectorFile, GivesRecordsUnderTheirHeadings) {
  const auto records = parse_vectors(
      "# a remark\n\n[Taglen = 128]\n[IVlen = 96]\r\n\r\nCount = 0\nKey=ab\n\n\nCount = 1\nFAIL\n\n"
      "[Taglen = 64]\n# another\nCount = 2");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].text("Taglen"), "128");
  EXPECT_EQ(records[0].text("IVlen"), "96");
  EXPECT_EQ(records[0].text("Key"), "ab");
  EXPECT_FALSE(records[0].has("FAIL"));
  EXPECT_EQ(records[1].text("Count"), "1");
  EXPECT_EQ(records[1].text("Taglen"), "128");
  EXPECT_FALSE(records[1].has("Key"));
  EXPECT_TRUE(records[1].has("FAIL"));
  EXPECT_EQ(records[2].text("Count"), "2");
  EXPECT_EQ(records[2].text("Taglen"), "64");
}

TEST(VectorFile, GivesQuotedCharactersAsDigits) {
  const auto records = parse_vectors("A = \"ab\"\nB = ab\nC = \"\"\nD =\nE = \"x=y\"\n");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].hex("A"), "6162");
  EXPECT_EQ(records[0].hex("B"), "ab");
  EXPECT_EQ(records[0].hex("C"), "");
  EXPECT_EQ(records[0].hex("D"), "");
  EXPECT_EQ(records[0].hex("E"), "783d79");
}

TEST(VectorFile, GivesNoRecordsOfATextWithoutValues) {
  EXPECT_TRUE(parse_vectors("").empty());
  EXPECT_TRUE(parse_vectors("\n\n# remark\n\n[Taglen = 128]\n\n").empty());
}

}  // namespace
}  // namespace mptunnel::test
