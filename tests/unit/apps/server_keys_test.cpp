#include "mptunnel/apps/server_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <tuple>

#include "mptunnel/apps/start.h"
#include "start_support.h"
#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::kKeyOfZeros;
using test::TemporaryFolder;

const std::string kOther = std::string(42, 'A') + "E=";

TEST(ServerKeys, AreReadFromBothFiles) {
  const TemporaryFolder folder;
  const KeyFiles files{
      folder.write("shared", kKeyOfZeros), {}, folder.write("ring", "bob " + kOther + " max-rate=1Mbit\n")};
  const auto keys = load_server_keys(files);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->shared->bytes, SecretKey{}.bytes);
  ASSERT_TRUE(keys->named);
  ASSERT_EQ(keys->named->size(), 1U);
  const NamedKey& bob = keys->named->front();
  EXPECT_EQ(bob.name, "bob");
  EXPECT_NE(bob.key.bytes, SecretKey{}.bytes);
  EXPECT_EQ(bob.quota.max_rate, 1'000'000U);
  EXPECT_EQ(bob.quota.max_sessions, kSessionsOfKey);
  EXPECT_FALSE(bob.quota.max_flows);
}

TEST(ServerKeys, KeyThatIsInNoFileStays) {
  SecretKey fixed;
  fixed.bytes[5] = 9;
  const auto keys = load_server_keys({"", fixed, ""});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->shared->bytes, fixed.bytes);
  EXPECT_FALSE(keys->named);
}

TEST(ServerKeys, MistakesAreToldAllAtOnce) {
  const TemporaryFolder folder;
  const std::string ring =
      folder.write("ring", "a " + kOther + "\nb short\nc " + kOther + "\nd " + kKeyOfZeros + "\n");
  const auto keys = load_server_keys({folder.write("shared", kKeyOfZeros), {}, ring});
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error(),
            (std::vector<std::string>{ring + ":2: the key has 5 characters: a key is 32 bytes in base64, 44 "
                                             "characters, as --genkey prints it",
                                      ring + ":3: another client has this key already: give each its own",
                                      ring + ":4: this is the key that all clients share: make another"}));
  const auto none = load_server_keys({folder / "no", {}, folder.path() + "/neither"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(),
            (std::vector<std::string>{
                "key file " + folder.path() + "/no can't be opened: No such file or directory",
                "keyring " + folder.path() + "/neither can't be opened: No such file or directory"}));
}

TEST(ServerKeys, KeyringThatOthersMayReadIsRefused) {
  const TemporaryFolder folder;
  const std::string ring = folder.write("ring", "a " + kOther + "\n");
  ASSERT_EQ(chmod(ring.c_str(), 0644), 0);
  EXPECT_EQ(
      load_server_keys({"", {}, ring}).error(),
      std::vector<std::string>{"keyring " + ring + " is open to others than its owner: chmod 600 " + ring});
}

TEST(ServerKeys, KeyringThatItsGroupMayReadIsTaken) {
  const TemporaryFolder folder;
  const std::string ring = folder.write("ring", "a " + kOther + "\n");
  ASSERT_EQ(chmod(ring.c_str(), 0440), 0);
  EXPECT_TRUE(load_server_keys({"", {}, ring}));
}

TEST(ServerKeys, AreDescribedForPeople) {
  EXPECT_EQ(describe(false, std::nullopt), "");
  EXPECT_EQ(describe(true, std::nullopt), "a key is set");
  EXPECT_EQ(describe(false, Keyring::Clients{1, 0}), "1 client has a key of its own");
  EXPECT_EQ(describe(true, Keyring::Clients{12, 3}),
            "a key is set, and 12 clients have keys of their own (3 disabled)");
}

TEST(ServerKeys, ChangeIsToldByNames) {
  const KeyNames before{{"alice", false}, {"bob", false}, {"carol", true}, {"dave", false}};
  EXPECT_EQ(describe_change(before, before), "");
  EXPECT_EQ(describe_change(before, {{"alice", true}, {"carol", false}, {"dave", false}, {"erin", true}}),
            "; withdrawn: bob; disabled: alice; enabled: carol; added: erin");
  std::vector<NamedKey> keys(25);
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i].name = std::string(1, static_cast<char>('a' + i));
  const KeyNames many = names_of(keys);
  EXPECT_EQ(describe_change(many, {{"z", false}}),
            "; withdrawn: a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t and 5 more; added: 1");
  EXPECT_EQ(names_of(std::nullopt), KeyNames{});
}

TEST(ServerStart, TakesTheKeyringOfTheCommandLineBeforeThatOfTheFile) {
  const TemporaryFolder folder;
  const std::string ring = folder.write("ring", "bob " + kOther + "\n");
  const std::string other = folder.write("other", "# nobody\n");
  CommandLine line;
  line.config_path = folder.write("s", "listen 2000\ntarget h:1\nkeys ring\n");
  auto start = load_server_start(line);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->options.named_keys->size(), 1U);
  EXPECT_EQ(start->key_files.keyring, ring);
  EXPECT_EQ(start->options.keys_source.origin, line.config_path + ":3");
  EXPECT_NE(render_check(*start).find("keys        in " + ring), std::string::npos);
  line.keys = other;
  start = load_server_start(line);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->options.named_keys->size(), 0U);
  EXPECT_EQ(start->options.keys_source.origin, "--keys, which wins over " + line.config_path + ":3");
  line.keys = folder / "no";
  start = load_server_start(line);
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().exit_code, kExitUsage);
}

TEST(ServerStart, NamesFilesByAbsolutePaths) {
  const TemporaryFolder folder;
  std::ignore = folder.write("ring", "bob " + kOther + "\n");
  std::ignore = folder.write("key", kKeyOfZeros);
  CommandLine line;
  line.config_path = folder.write("s", "listen 2000\ntarget h:1\nkeys ring\nkey-file key\n");
  const auto start = load_server_start(line);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->key_files.keyring, folder.path() + "/ring");
  EXPECT_EQ(start->key_files.shared, folder.path() + "/key");
  EXPECT_FALSE(start->key_files.fixed);
}

}  // namespace
}  // namespace mptunnel
