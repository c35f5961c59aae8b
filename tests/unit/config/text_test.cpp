#include "mptunnel/config/text.h"

#include <gtest/gtest.h>

#include <array>

namespace mptunnel {
namespace {

TEST(ConfigText, SplitsAtBlanksAndTabs) {
  const auto words = split_words("  one\t two three ");
  ASSERT_EQ(words.size(), 3U);
  EXPECT_EQ(words[0], "one");
  EXPECT_EQ(words[1], "two");
  EXPECT_EQ(words[2], "three");
  EXPECT_TRUE(split_words("").empty());
  EXPECT_TRUE(split_words(" \t ").empty());
}

TEST(ConfigText, QuotesNothingThatATerminalWouldObey) {
  EXPECT_EQ(quote_word("plain"), "'plain'");
  EXPECT_EQ(quote_word("a\x1b[2Jb\xff"), "'a\\x1b[2Jb\\xff'");
  EXPECT_EQ(quote_word(std::string(81, 'x')), std::string(1, '\'') + std::string(80, 'x') + "...'");
}

TEST(ConfigText, NeverQuotesAKey) {
  const std::string key = std::string(43, 'A') + "=";
  EXPECT_TRUE(looks_like_key(key));
  EXPECT_EQ(quote_word(key), "(a key)");
  EXPECT_FALSE(looks_like_key(std::string(44, 'A')));
  EXPECT_FALSE(looks_like_key(std::string(42, 'A') + "="));
  EXPECT_FALSE(looks_like_key(std::string(42, 'A') + "-="));
}

TEST(ConfigText, CountsChangedMissingAddedAndSwappedLetters) {
  EXPECT_EQ(edit_distance("listen", "listen"), 0U);
  EXPECT_EQ(edit_distance("listen", "lissten"), 1U);
  EXPECT_EQ(edit_distance("listen", "litsen"), 1U);
  EXPECT_EQ(edit_distance("listen", "lsten"), 1U);
  EXPECT_EQ(edit_distance("listen", "lixten"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance(std::string(65, 'a'), "a"), 65U);
  EXPECT_EQ(edit_distance(std::string(64, 'a'), std::string(64, 'b')), 64U);
}

TEST(ConfigText, NamesTheNearestKnownWordOrNone) {
  constexpr std::array<std::string_view, 3> kKnown{"listen", "bind", "name"};
  EXPECT_EQ(nearest_word("LISTNE", kKnown), "listen");
  EXPECT_EQ(nearest_word("nmae", kKnown), "name");
  EXPECT_EQ(nearest_word("bnd", kKnown), "bind");
  EXPECT_EQ(nearest_word("bxyd", kKnown), "");
  EXPECT_EQ(nearest_word("interface", kKnown), "");
}

TEST(ConfigText, KnowsDigits) {
  EXPECT_TRUE(is_digits("0123"));
  EXPECT_FALSE(is_digits(""));
  EXPECT_FALSE(is_digits("+1"));
  EXPECT_FALSE(is_digits("1a"));
}

}  // namespace
}  // namespace mptunnel
