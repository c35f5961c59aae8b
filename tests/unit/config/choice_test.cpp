#include <gtest/gtest.h>

#include "mptunnel/config/value.h"

namespace mptunnel {
namespace {

TEST(Choice, UsageWritesOutAChoiceOfTwo) {
  EXPECT_EQ(usage_of("encrypt", "yes|no"), "encrypt yes' or 'encrypt no");
  EXPECT_EQ(usage_of("min-paths", "N"), "min-paths N");
  EXPECT_EQ(usage_of("cipher", "a|b|c"), "cipher a|b|c");
}

TEST(Choice, EitherIsTheFirstOrTheSecond) {
  EXPECT_EQ(parse_either("copy", "dscp", "copy|none"), true);
  EXPECT_EQ(parse_either("none", "dscp", "copy|none"), false);
  EXPECT_EQ(parse_either("Copy", "dscp", "copy|none").error(),
            "'Copy' is neither copy nor none: write 'dscp copy' or 'dscp none'");
  EXPECT_FALSE(parse_either("", "dscp", "copy|none"));
}

TEST(Choice, EveryCipherIsReadByItsName) {
  for (const CipherChoice choice :
       {CipherChoice::automatic, CipherChoice::aes_256_gcm, CipherChoice::chacha20_poly1305}) {
    EXPECT_EQ(parse_cipher(name_of(choice)), choice);
  }
  EXPECT_EQ(parse_cipher("AES-256-GCM"), CipherChoice::aes_256_gcm) << "as the status shows it";
  EXPECT_FALSE(parse_cipher("AES-128-GCM"));
}

TEST(Choice, LevelIsOneOfFour) {
  EXPECT_EQ(parse_level("warning"), LogLevel::warning);
  EXPECT_EQ(parse_level("WARN"), LogLevel::warning);
  EXPECT_EQ(parse_level("loud").error(), "'loud' is not a log level: write debug, info, warning or error");
}

}  // namespace
}  // namespace mptunnel
