#include "mptunnel/config/keyring_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "error_row.h"
#include "mptunnel/config/limits.h"
#include "mptunnel/config/statement.h"

namespace mptunnel {
namespace {

using test::ErrorRow;

const std::string kKey = std::string(43, 'A') + "=";
const std::string kOther = std::string(42, 'A') + "E=";

std::vector<std::string> keyring_errors(const std::string& text, const KeyCheck& check = {}) {
  std::vector<std::string> lines;
  const auto keyring = parse_keyring(text, "k", check);
  if (!keyring) {
    for (const ConfigError& error : keyring.error()) lines.push_back(to_string(error));
  }
  return lines;
}

TEST(KeyringFile, ReadsAClientALine) {
  const auto keyring = parse_keyring("# who\n\nalice " + kKey + "\n bob\t" + kOther +
                                         " max-flows=10 max-rate=5Mbit max-sessions=2 disabled # gone\r\n",
                                     "k");
  ASSERT_TRUE(keyring);
  ASSERT_EQ(keyring->size(), 2U);
  const KeyringLine& alice = (*keyring)[0];
  EXPECT_EQ(alice.name, "alice");
  EXPECT_EQ(alice.key, kKey);
  EXPECT_EQ(alice.line, 3);
  EXPECT_FALSE(alice.max_sessions || alice.max_flows || alice.max_rate || alice.is_disabled);
  const KeyringLine& bob = (*keyring)[1];
  EXPECT_EQ(bob.key, kOther);
  EXPECT_EQ(bob.max_sessions, 2U);
  EXPECT_EQ(bob.max_flows, 10U);
  EXPECT_EQ(bob.max_rate, 5'000'000U);
  EXPECT_TRUE(bob.is_disabled);
}

TEST(KeyringFile, KeepsAddressesAndNetworksForAClient) {
  const auto keyring = parse_keyring("alice " + kKey + " allow=10.42.42.7,192.168.7.0/24,fd00:9::/48\n", "k");
  ASSERT_TRUE(keyring);
  std::vector<std::string> all;
  for (const Prefix& prefix : keyring->front().allow) all.push_back(prefix.to_string());
  EXPECT_EQ(all, (std::vector<std::string>{"10.42.42.7/32", "192.168.7.0/24", "fd00:9::/48"}));
  EXPECT_EQ(keyring_errors("a " + kKey + " allow=0.0.0.0/0\n").size(), 1U);
  EXPECT_EQ(keyring_errors("a " + kKey + " allow=10.0.0.1,\n").size(), 1U);
  EXPECT_EQ(keyring_errors("a " + kKey + " allow=10.0.0.1/8\n").size(), 1U);
  std::string many = "10.0.0.1";
  for (int i = 2; i <= 12; ++i) many += fmt::format(",10.0.0.{}", i);
  EXPECT_TRUE(keyring_errors("a " + kKey + " allow=" + many + "\n").empty());
  EXPECT_EQ(keyring_errors("a " + kKey + " allow=" + many + ",10.0.0.13\n"),
            std::vector<std::string>{"k:1: 'allow' takes at most 12 networks"});
  EXPECT_EQ(
      keyring_errors("a " + kKey + " allow=10.0.0.1\nb " + kOther + " allow=10.0.0.2,10.0.0.1/32\n"),
      std::vector<std::string>{"k:2: 10.0.0.1/32 stands on line 1 already: one client alone can have it"});
}

TEST(KeyringFile, WithoutClientsHasAComment) {
  const auto keyring = parse_keyring("# nobody yet\n", "k");
  ASSERT_TRUE(keyring);
  EXPECT_TRUE(keyring->empty());
  const std::vector<std::string> refused{
      "k:1: there is no client and no comment: is the file whole? If nobody may come, write a comment"};
  EXPECT_EQ(keyring_errors(""), refused);
  EXPECT_EQ(keyring_errors("\n \n"), refused);
}

TEST(KeyringFile, ThatWasCutIsRefusedWhereverThatWas) {
  const std::string whole = "# clients\nalice " + kKey + "\nbob " + kOther + " disabled\n";
  ASSERT_TRUE(parse_keyring(whole, "k"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    if (cut.ends_with('\n')) continue;  // one that the next line came to later
    EXPECT_FALSE(parse_keyring(cut, "k")) << cut;
  }
  EXPECT_EQ(
      keyring_errors("alice " + kKey + "\nbob " + kOther),
      std::vector<std::string>{"k:2: the last line has no end: is the file whole? End it with a newline"});
}

class KeyringFileErrors : public testing::TestWithParam<ErrorRow> {};

TEST_P(KeyringFileErrors, SayWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(keyring_errors(GetParam().text), GetParam().errors);
}

INSTANTIATE_TEST_SUITE_P(
    Table, KeyringFileErrors,
    testing::Values(
        ErrorRow{
            "KeyAlone", kKey + "\n", {"k:1: the name stands before the key: write a client as 'NAME KEY'"}},
        ErrorRow{"KeyFirst",
                 kKey + " alice\n",
                 {"k:1: the name stands before the key: write a client as 'NAME KEY'"}},
        ErrorRow{"NameAlone", "alice\n", {"k:1: there is only one word: write a client as 'NAME KEY'"}},
        ErrorRow{"NameTwice",
                 "a " + kKey + "\nb " + kKey + "\na " + kOther + "\n",
                 {"k:3: 'a' stands on line 1 already: give each client a name of its own"}},
        ErrorRow{"NameOfOtherLetters",
                 "a/b " + kKey + "\n",
                 {"k:1: the first word is not a name: write up to 64 letters, digits and . _ - : @"}},
        ErrorRow{"Options",
                 "a " + kKey + " max-flow=1 max-flows=0 max-rate disabled=yes x\nb " + kKey +
                     " disabled disabled max-sessions=16385\n",
                 {"k:1: 'max-flow=1' is not a known option: did you mean 'max-flows='?",
                  "k:1: '0' is out of range: write a number from 1 to 16384",
                  "k:1: option 'max-rate' says nothing: write it in one word without blanks, max-rate=RATE",
                  "k:1: option 'disabled' takes no value: write 'disabled' alone",
                  "k:1: word 7 is not a known option: a client has max-sessions=, max-flows=, max-rate=, "
                  "allow= and disabled",
                  "k:2: option 'disabled' stands twice on this line: keep one of the two",
                  "k:2: '16385' is out of range: write a number from 1 to 16384"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(KeyringFile, KeysAreJudgedByTheCheckAndStandInNoMessage) {
  const auto refuse = [](std::string_view key) -> std::optional<std::string> {
    if (key == kOther) return std::nullopt;
    return "no good";
  };
  EXPECT_EQ(keyring_errors("a " + kKey + "\nb " + kOther + "\n", refuse),
            std::vector<std::string>{"k:1: no good"});
  const std::string half = kKey.substr(22);
  for (const std::string& error : keyring_errors("a " + half + " " + half + "\n", refuse))
    EXPECT_EQ(error.find(half), std::string::npos) << error;
  for (const std::string& error :
       keyring_errors("a b " + kKey + "\n" + kKey + " " + kKey + "\n" + kKey + "=\n", refuse))
    EXPECT_EQ(error.find(std::string(20, 'A')), std::string::npos) << error;
}

TEST(KeyringFile, HasAtMostSoManyClients) {
  std::string text;
  for (std::size_t i = 1; i <= kMaxKeyringLines; ++i) text += fmt::format("c{} {}\n", i, kKey);
  EXPECT_TRUE(parse_keyring(text, "k"));
  EXPECT_EQ(keyring_errors(text + "more " + kKey + "\nand " + kKey + "\n"),
            std::vector<std::string>{"k:4097: this is client 4097: write at most 4096"});
}

TEST(KeyOptions, AreTakenAsTheirFormSays) {
  for (const KeyOption& option : key_options()) {
    EXPECT_TRUE(option.form.empty() || option.form.starts_with(std::string(option.word) + "="))
        << option.word;
    EXPECT_FALSE(option.default_text.empty()) << option.word;
  }
}

}  // namespace
}  // namespace mptunnel
