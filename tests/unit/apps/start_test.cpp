#include "mptunnel/apps/start.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "mptunnel/crypto/aead.h"
#include "start_support.h"
#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::kKeyOfZeros;
using test::TemporaryFolder;
using test::with_config;

KeySource file_key(const std::string& path, const std::string& origin) {
  return {.kind = KeySource::Kind::file, .value = path, .origin = origin};
}

TEST(StartOptions, DefaultsToEncryptionWithoutKey) {
  const StartOptions options = merge_options({}, {});
  EXPECT_TRUE(options.encrypt);
  EXPECT_EQ(options.encrypt_origin, "default");
  EXPECT_EQ(options.cipher, CipherChoice::automatic);
  EXPECT_TRUE(options.offload);
  EXPECT_EQ(options.offload_origin, "default");
  EXPECT_EQ(options.key_source.kind, KeySource::Kind::none);
  EXPECT_EQ(options.log_level, LogLevel::info);
  EXPECT_FALSE(options.daemon);
}

TEST(StartOptions, TakesTheConfigurationWhereNothingElseIsSaid) {
  CommonConfig config;
  config.key_file = "/etc/k";
  config.key_file_line = 7;
  config.encrypt = false;
  config.encrypt_line = 8;
  config.log_level = LogLevel::error;
  config.cipher = CipherChoice::chacha20_poly1305;
  config.offload = false;
  config.offload_line = 9;
  const StartOptions options = merge_options(with_config("c"), config);
  EXPECT_EQ(options.key_source.kind, KeySource::Kind::file);
  EXPECT_EQ(options.key_source.value, "/etc/k");
  EXPECT_EQ(options.key_source.origin, "c:7");
  EXPECT_FALSE(options.encrypt);
  EXPECT_EQ(options.encrypt_origin, "c:8");
  EXPECT_EQ(options.cipher, CipherChoice::chacha20_poly1305);
  EXPECT_FALSE(options.offload);
  EXPECT_EQ(options.offload_origin, "c:9");
  EXPECT_EQ(options.log_level, LogLevel::error);
}

TEST(StartOptions, LetCommandLineAndEnvironmentWin) {
  CommonConfig config;
  config.key_file = "/etc/k";
  config.key_file_line = 7;
  config.encrypt = false;
  config.encrypt_line = 8;
  config.log_level = LogLevel::error;
  config.cipher = CipherChoice::chacha20_poly1305;
  config.offload = false;
  config.offload_line = 9;
  CommandLine line = with_config("c");
  line.key = file_key("mine", "--key-file");
  line.encrypt = true;
  line.log_level = LogLevel::debug;
  line.offload = true;
  line.daemon = true;
  line.pid_file = "p";
  const StartOptions options = merge_options(line, config);
  EXPECT_EQ(options.key_source.value, "mine");
  EXPECT_EQ(options.key_source.origin, "--key-file, which wins over c:7");
  EXPECT_TRUE(options.encrypt);
  EXPECT_EQ(options.encrypt_origin, "MPTUNNEL_ENCRYPT, which wins over c:8");
  EXPECT_EQ(options.log_level, LogLevel::debug);
  EXPECT_TRUE(options.offload);
  EXPECT_EQ(options.offload_origin, "--offload");
  EXPECT_TRUE(options.daemon);
  EXPECT_EQ(options.pid_file, "p");
}

TEST(StartOptions, KeepNoTextOfAKey) {
  CommandLine line = with_config("c");
  line.key = {.kind = KeySource::Kind::text, .value = kKeyOfZeros, .origin = "MPTUNNEL_KEY"};
  const StartOptions options = merge_options(line, {});
  EXPECT_EQ(options.key_source.kind, KeySource::Kind::text);
  EXPECT_EQ(options.key_source.origin, "MPTUNNEL_KEY");
  EXPECT_TRUE(options.key_source.value.empty());
}

TEST(StartOptions, CipherSaysWhetherAesIsOffered) {
  EXPECT_TRUE(offers_aes(CipherChoice::aes_256_gcm));
  EXPECT_FALSE(offers_aes(CipherChoice::chacha20_poly1305));
  EXPECT_EQ(offers_aes(CipherChoice::automatic), has_fast_aes());
}

TEST(LoadStart, ReadsConfigurationAndItsKey) {
  const TemporaryFolder folder;
  static_cast<void>(folder.write("k", kKeyOfZeros + "\n"));
  const auto start = load_client_start(with_config(folder.write("c", "h 1\nkey-file k\n")));
  ASSERT_TRUE(start) << start.error().lines.front();
  EXPECT_EQ(start->config.bridges.size(), 1U);
  EXPECT_EQ(start->options.key_source.value, folder / "k");
  ASSERT_TRUE(start->options.key);
  EXPECT_EQ(start->options.key->bytes, SecretKey{}.bytes);
}

TEST(LoadStart, HasNoKeyUnlessOneIsGiven) {
  const TemporaryFolder folder;
  const auto start = load_client_start(with_config(folder.write("c", "h 1\n")));
  ASSERT_TRUE(start);
  EXPECT_FALSE(start->options.key);
}

TEST(LoadStart, TellsMistakesOfCommandLineKeyAndConfigurationTogether) {
  const TemporaryFolder folder;
  CommandLine line = with_config(folder.write("c", "h 0\nencrypt 1\n"));
  line.key = {.kind = KeySource::Kind::text, .value = "short", .origin = "MPTUNNEL_KEY"};
  const auto start = load_client_start(line);
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().exit_code, 2);
  ASSERT_EQ(start.error().lines.size(), 3U);
  EXPECT_TRUE(start.error().lines[0].starts_with("MPTUNNEL_KEY: "));
  EXPECT_EQ(start.error().lines[0].find("short"), std::string::npos);
  EXPECT_TRUE(start.error().lines[1].starts_with(folder / "c:1: "));
  EXPECT_TRUE(start.error().lines[2].starts_with(folder / "c:2: "));
}

TEST(LoadStart, TellsABadKeyFileByItsLine) {
  const TemporaryFolder folder;
  const std::string key = folder.write("k", kKeyOfZeros + "\n");
  std::filesystem::permissions(key, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
  const auto start = load_server_start(with_config(folder.write("s", "listen 0\ntarget h:1\nkey-file k\n")));
  ASSERT_FALSE(start);
  ASSERT_EQ(start.error().lines.size(), 2U);
  EXPECT_TRUE(start.error().lines[1].starts_with(folder / "s:3: ")) << start.error().lines[1];
}

TEST(LoadStart, DoesNotReadAKeyFileThatLoses) {
  const TemporaryFolder folder;
  CommandLine line = with_config(folder.write("c", "h 1\nkey-file missing\n"));
  line.key = {.kind = KeySource::Kind::text, .value = kKeyOfZeros, .origin = "MPTUNNEL_KEY"};
  const auto start = load_client_start(line);
  ASSERT_TRUE(start);
  EXPECT_TRUE(start->options.key);
}

TEST(LoadStart, TellsAConfigurationThatIsNotThere) {
  const auto start = load_client_start(with_config("/nonexistent/mpclient.conf"));
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().exit_code, 2);
  EXPECT_EQ(
      start.error().lines,
      (std::vector<std::string>{"/nonexistent/mpclient.conf: cannot be read: No such file or directory"}));
}

TEST(LoadStart, FindsAServicesKeysAmongItsCredentials) {
  const TemporaryFolder folder;
  static_cast<void>(folder.write("psk", kKeyOfZeros + "\n"));
  static_cast<void>(folder.write("ring", "# nobody yet\n"));
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", (folder / "").c_str(), 1), 0);
  CommandLine line = with_config(folder.write("s", "listen 1\ntarget h:1\n"));
  line.key = file_key("psk", "MPTUNNEL_KEY_FILE");
  line.keys = "ring";
  const auto start = load_server_start(line);
  unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_TRUE(start) << start.error().lines.front();
  EXPECT_TRUE(start->options.key);
  EXPECT_TRUE(start->options.named_keys);
  // Read again by the same name, wherever the program's folder is then.
  EXPECT_TRUE(start->key_files.shared.ends_with("/psk"));
  EXPECT_TRUE(load_server_keys(start->key_files));
}

TEST(LoadStart, WarnsOfAKeyThatAnotherGroupMayRead) {
  const TemporaryFolder folder;
  const std::string key = folder.write("k", kKeyOfZeros + "\n");
  if (chown(key.c_str(), static_cast<uid_t>(-1), 4711) != 0)
    GTEST_SKIP() << "only root can give a file to any group";
  ASSERT_EQ(chmod(key.c_str(), 0640), 0);
  const auto start = load_client_start(with_config(folder.write("c", "h 1\nkey-file k\n")));
  ASSERT_TRUE(start);
  ASSERT_EQ(start->options.warnings.size(), 1U);
  EXPECT_NE(render_check(*start).find("warning     key file " + key + " can be read by group 4711"),
            std::string::npos);
}

TEST(LoadStart, TakesTheServersArguments) {
  CommandLine line;
  line.positional = ServerConfig{};
  line.positional->target = HostPort{"h", 1194};
  line.key = {.kind = KeySource::Kind::text, .value = kKeyOfZeros, .origin = "MPTUNNEL_KEY"};
  const auto start = load_server_start(line);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->config.target->port, 1194);
  EXPECT_TRUE(start->options.key);
  line.key = file_key("/nonexistent/k", "--key-file");
  ASSERT_FALSE(load_server_start(line));
  EXPECT_TRUE(load_server_start(line).error().lines.front().starts_with("--key-file: "));
}

}  // namespace
}  // namespace mptunnel
