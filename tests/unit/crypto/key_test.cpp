#include "mptunnel/crypto/key.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>

#include "hex.h"
#include "mptunnel/crypto/system_random.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

// 00 01 ... 1f, by Python's base64.b64encode(bytes(range(32))).
constexpr std::string_view kText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view kBytes = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

TEST(ParseKey, ReadsBase64WithBlanksAroundIt) {
  for (const std::string& text :
       {std::string(kText), " " + std::string(kText) + "\n", "\t\r\n" + std::string(kText) + "\r\n"}) {
    const auto key = parse_key(text);
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(test::to_hex(key->bytes), kBytes);
  }
}

TEST(ParseKey, SaysWhatIsWrong) {
  const std::string wanted = "a key is 32 bytes in base64, 44 characters, as --genkey prints it";
  struct Row {
    const char* name;
    std::string text;
    std::string error;
  };
  const std::string text(kText);
  const Row rows[] = {
      {"empty", "", "the key has 0 characters: " + wanted},
      {"blanks only", " \n", "the key has 0 characters: " + wanted},
      {"too short", text.substr(1), "the key has 43 characters: " + wanted},
      {"padding left out", text.substr(0, 43), "the key has 43 characters: " + wanted},
      {"too long", text + "A", "the key has 45 characters: " + wanted},
      {"hexadecimal digits", std::string(kBytes), "the key has 64 characters: " + wanted},
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
  const auto original = parse_key(kText);
  ASSERT_TRUE(original);
  for (std::size_t at = 0; at < kText.size(); ++at) {
    for (int character = 33; character < 256; ++character) {
      std::string text(kText);
      if (text[at] == static_cast<char>(character)) continue;
      text[at] = static_cast<char>(character);
      const auto key = parse_key(text);
      EXPECT_FALSE(key && key->bytes == original->bytes) << at << " " << character;
    }
  }
}

TEST(GenerateKey, PrintsWhatParseKeyReads) {
  test::TestRandom random(1);
  test::TestRandom same(1);
  SecretKey wanted;
  same.fill(wanted.bytes);
  const std::string text = generate_key(random);
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

class KeyFile : public testing::Test {
 public:
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;

 protected:
  KeyFile() {
    std::string name = testing::TempDir() + "mptunnel-key-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~KeyFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = "key") const { return folder_ / name; }
  [[nodiscard]] std::string write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path(), std::ios::binary) << text;
    EXPECT_EQ(::chmod(path().c_str(), mode), 0);
    return path();
  }
  static void expect_error(const std::string& file, const std::string& wanted) {
    const auto key = load_key_file(file);
    ASSERT_FALSE(key) << wanted;
    EXPECT_EQ(key.error(), "key file " + file + " " + wanted);
  }

  std::filesystem::path folder_;
};

TEST_F(KeyFile, GivesItsOneLineThatIsNoComment) {
  const std::string text(kText);
  for (const std::string& content : {text, text + "\n", "# made on a Monday\n\n  " + text + "  \n\n# end\n",
                                     "#\r\n" + text + "\r\n", std::string(4096 - 45, '\n') + text + "\n"}) {
    const auto key = load_key_file(write(content));
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(test::to_hex(key->bytes), kBytes);
  }
}

TEST_F(KeyFile, MayBeReachedByASymbolicLink) {
  std::filesystem::create_symlink(write(std::string(kText)), path("link"));
  EXPECT_TRUE(load_key_file(path("link")));
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  expect_error(path("link"), "is open to others than its owner: chmod 600 " + path("link"));
}

TEST_F(KeyFile, IsRefusedWhereOthersMayOpenIt) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0644U, 0666U, 0777U}) {
    SCOPED_TRACE(mode);
    expect_error(write(std::string(kText), mode), "is open to others than its owner: chmod 600 " + path());
  }
  for (const mode_t mode : {0600U, 0700U}) EXPECT_TRUE(load_key_file(write(std::string(kText), mode)));
  ASSERT_EQ(::chmod(path().c_str(), 0400), 0);
  EXPECT_TRUE(load_key_file(path()));
}

TEST_F(KeyFile, SaysWhatIsWrongWithIt) {
  const std::string text(kText);
  const std::string wanted = "a key is 32 bytes in base64, 44 characters, as --genkey prints it";
  expect_error(path("absent"), "can't be opened: No such file or directory");
  expect_error(folder_, "is not a regular file: name the file that has the key");
  expect_error(write(""), "has no key in it: make one with --genkey");
  expect_error(write("# only a comment\n \n"), "has no key in it: make one with --genkey");
  expect_error(write("secret\n"), "is not right: the key has 6 characters: " + wanted);
  expect_error(write(std::string(44, '!')), "is not right: the key is not base64 of 32 bytes: " + wanted);
  expect_error(write(text + "\n" + text + "\n"), "has more than one line that could be the key: leave one");
  expect_error(write(text + "\nrubbish"), "has more than one line that could be the key: leave one");
  expect_error(write(text + std::string(4097 - 44, '\n')),
               "is larger than 4096 bytes: it should have one line, the key");
}

TEST_F(KeyFile, IsNoFifoNorDevice) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  expect_error(path("fifo"), "is not a regular file: name the file that has the key");
  expect_error("/dev/zero", "is not a regular file: name the file that has the key");
}

TEST_F(KeyFile, LeavesNoDescriptorOpen) {
  const int before = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(before, 0);
  ::close(before);
  EXPECT_TRUE(load_key_file(write(std::string(kText))));
  EXPECT_FALSE(load_key_file(folder_));
  const int after = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(after);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace mptunnel
