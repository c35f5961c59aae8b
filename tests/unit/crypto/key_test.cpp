#include "mptunnel/crypto/key.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "hex.h"
#include "mptunnel/crypto/system_random.h"
#include "numbered_key.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kNumberedKeyHex;
using test::kNumberedKeyText;

TEST(ParseKey, ReadsBase64WithBlanksAroundIt) {
  for (const std::string& text : {std::string(kNumberedKeyText), " " + std::string(kNumberedKeyText) + "\n",
                                  "\t\r\n" + std::string(kNumberedKeyText) + "\r\n"}) {
    const auto key = parse_key(text);
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(test::to_hex(key->bytes), kNumberedKeyHex);
  }
}

TEST(ParseKey, SaysWhatIsWrong) {
  const std::string wanted = "a key is 32 bytes in base64, 44 characters, as --genkey prints it";
  struct Row {
    const char* name;
    std::string text;
    std::string error;
  };
  const std::string text(kNumberedKeyText);
  const Row rows[] = {
      {"empty", "", "the key has 0 characters: " + wanted},
      {"blanks only", " \n", "the key has 0 characters: " + wanted},
      {"too short", text.substr(1), "the key has 43 characters: " + wanted},
      {"padding left out", text.substr(0, 43), "the key has 43 characters: " + wanted},
      {"too long", text + "A", "the key has 45 characters: " + wanted},
      {"hexadecimal digits", std::string(kNumberedKeyHex), "the key has 64 characters: " + wanted},
      {"16 bytes", "AAECAwQFBgcICQoLDA0ODw==", "the key has 24 characters: " + wanted},
      {"31 bytes",
       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "the key is not base64 of 32 bytes: " + wanted},
      {"33 bytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
       "the key is not base64 of 32 bytes: " + wanted},
      {"trailing bits set", text.substr(0, 42) + "9=", "the key is not base64 of 32 bytes: " + wanted},
      {"base64url",
       "--ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "the key is not base64 of 32 bytes: " + wanted},
      {"blank inside", text.substr(0, 10) + " " + text.substr(11),
       "the key is not base64 of 32 bytes: " + wanted},
      {"line end inside", text.substr(0, 10) + "\n" + text.substr(11),
       "the key is not base64 of 32 bytes: " + wanted},
      {"padding inside", text.substr(0, 10) + "==" + text.substr(12),
       "the key is not base64 of 32 bytes: " + wanted},
      {"padding alone", std::string(44, '='), "the key is not base64 of 32 bytes: " + wanted},
      {"zero byte inside", text.substr(0, 10) + std::string(1, '\0') + text.substr(11),
       "the key is not base64 of 32 bytes: " + wanted},
      {"byte past ASCII", text.substr(0, 10) + "\xc3" + text.substr(11),
       "the key is not base64 of 32 bytes: " + wanted},
  };
  for (const Row& row : rows) {
    const auto key = parse_key(row.text);
    ASSERT_FALSE(key) << row.name;
    EXPECT_EQ(key.error(), row.error) << row.name;
  }
}

TEST(ParseKey, AcceptsOneSpellingOfEachKeyOnly) {
  // Of all texts that differ in one character, those that are base64 of 32 bytes give another key.
  const auto original = parse_key(kNumberedKeyText);
  ASSERT_TRUE(original);
  for (std::size_t at = 0; at < kNumberedKeyText.size(); ++at) {
    for (int character = 33; character < 256; ++character) {
      std::string text(kNumberedKeyText);
      if (text[at] == static_cast<char>(character)) continue;
      text[at] = static_cast<char>(character);
      const auto key = parse_key(text);
      EXPECT_FALSE(key && key->bytes == original->bytes) << at << " " << character;
    }
  }
}

TEST(SecretKey, IsWipedWhenItGoes) {
  alignas(SecretKey) std::array<std::uint8_t, sizeof(SecretKey)> memory{};
  auto* const key = new (memory.data()) SecretKey;
  key->bytes.fill(0x5a);
  key->~SecretKey();
  EXPECT_EQ(memory, (std::array<std::uint8_t, sizeof(SecretKey)>{}));
}

TEST(GenerateKey, PrintsWhatParseKeyReads) {
  test::TestRandom random(1);
  test::TestRandom same(1);
  SecretKey wanted;
  same.fill(wanted.bytes);
  const std::string text = generate_key(random).text();
  EXPECT_EQ(text.size(), 44U);
  const auto key = parse_key(text);
  ASSERT_TRUE(key) << key.error();
  EXPECT_EQ(key->bytes, wanted.bytes);
  EXPECT_NE(generate_key(random), text);
}

TEST(SystemRandom, FillsAllSizesAndNeverTwiceTheSame) {
  SystemRandom random;
  random.fill({});
  std::array<std::uint8_t, 32> first{};
  std::array<std::uint8_t, 32> second{};
  random.fill(first);
  random.fill(second);
  EXPECT_NE(first, second);
  EXPECT_NE(first, (std::array<std::uint8_t, 32>{}));
}

}  // namespace
}  // namespace mptunnel
