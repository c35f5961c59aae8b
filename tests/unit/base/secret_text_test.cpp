#include "mptunnel/base/secret_text.h"

#include <gtest/gtest.h>

#include <array>
#include <new>
#include <string>

namespace mptunnel {
namespace {

const std::string kLong = "a text that is too long to stand in the object itself";

TEST(SecretText, IsATextLikeAnyOther) {
  SecretText text = kLong;
  EXPECT_EQ(text, kLong);
  const SecretText copy = text;
  EXPECT_EQ(copy, kLong);
  SecretText moved = std::move(text);
  EXPECT_EQ(moved, kLong);
  EXPECT_TRUE(text.empty());  // NOLINT(bugprone-use-after-move): as the header says
  moved = "short";
  EXPECT_EQ(moved, "short");
  text = copy;
  EXPECT_EQ(text, kLong);
  EXPECT_EQ(copy, kLong);
  text = {};
  EXPECT_TRUE(text.empty());
}

TEST(SecretText, IsWipedWhenItGoes) {
  alignas(SecretText) std::array<char, sizeof(SecretText)> memory{};
  auto* const text = new (memory.data()) SecretText("secret");
  ASSERT_NE(std::string_view(memory.data(), memory.size()).find("secret"), std::string_view::npos);
  text->~SecretText();
  EXPECT_EQ(std::string_view(memory.data(), memory.size()).find("ecret"), std::string_view::npos);
}

TEST(SecretText, IsWipedWhenItGivesWay) {
  SecretText text = kLong;
  SecretText other = kLong + kLong;
  const char* const old = text.text().data();
  text = std::move(other);
  EXPECT_EQ(text, kLong + kLong);
  // `other` has that memory now, so that it can be looked at.
  ASSERT_EQ(other.text().data(), old);  // NOLINT(bugprone-use-after-move)
  for (std::size_t i = 0; i < kLong.size(); ++i) EXPECT_EQ(old[i], 0) << i;
}

}  // namespace
}  // namespace mptunnel
