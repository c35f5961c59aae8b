#include <gtest/gtest.h>

#include <filesystem>

#include "mptunnel/apps/start.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/host/system.h"
#include "start_support.h"
#include "support/temporary_folder.h"
#include "support/test_random.h"
#include "support/variable.h"
#include "unit/ports/captured_log.h"

namespace mptunnel {
namespace {

using test::kKeyOfZeros;
using test::TemporaryFolder;
using test::TestRandom;

/// A user with a state folder, who starts mpclient again and again.
class ClientIdentityTest : public testing::Test {
 protected:
  /// With this configuration; `seed` is what makes one process's random bytes differ from another's.
  tl::expected<ClientIdentity, std::string> start(const std::string& config, std::uint64_t seed,
                                                  bool has_key = false) {
    CommandLine line;
    line.config_path = folder_.write("c", "h 1\nlisten 127.0.0.1:3000\n" + config);
    if (has_key) line.key = {.kind = KeySource::Kind::text, .value = kKeyOfZeros, .origin = "MPTUNNEL_KEY"};
    const auto read = load_client_start(line);
    if (!read) return tl::make_unexpected(read.error().lines.front());
    TestRandom random(seed);
    return client_identity(*read, random);
  }
  [[nodiscard]] bool exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  test::CapturedLog log_;
  TemporaryFolder folder_;
  test::Variable directory_{"STATE_DIRECTORY", folder_ / "state"};
};

TEST_F(ClientIdentityTest, WithAKeyIsMadeOfNothingElse) {
  const SecretKey key;
  EXPECT_EQ(start("", 1, true), derive_client_identity(key, machine_id(), "127.0.0.1:3000 ", folder_ / "c"));
  EXPECT_EQ(start("client-id garage\nstate s\n", 2, true), derive_client_identity(key, "garage"));
  EXPECT_FALSE(exists("state"));
  EXPECT_FALSE(exists("s"));
  EXPECT_EQ(log_.take(), "");
}

TEST_F(ClientIdentityTest, WithoutAKeyIsTheSameAfterARestart) {
  for (const std::string config : {"", "state s\n", "client-id garage\n", "client-id garage\nstate t\n"}) {
    const auto first = start(config, 1);
    ASSERT_TRUE(first) << first.error();
    EXPECT_EQ(start(config, 2), *first) << config;
  }
  EXPECT_TRUE(exists("state/client-secret"));
  EXPECT_TRUE(exists("s"));
  EXPECT_EQ(log_.take(), "");
}

TEST_F(ClientIdentityTest, WithoutAKeyIsNotFoundByWhoKnowsAllButTheSecret) {
  const SecretKey zeros;
  EXPECT_NE(start("", 1), derive_client_identity(zeros, machine_id(), "127.0.0.1:3000 ", folder_ / "c"));
  EXPECT_NE(start("client-id garage\n", 1), derive_client_identity(zeros, "garage"));
  EXPECT_NE(start("state none\nclient-id garage\n", 1), derive_client_identity(zeros, "garage"));
  EXPECT_NE(start("client-id garage\nstate s\n", 1), start("client-id garage\nstate t\n", 2));
}

TEST_F(ClientIdentityTest, WithoutAStateFileDiesWithTheProcess) {
  for (const std::string config : {"state none\n", "state none\nclient-id garage\n"}) {
    const auto first = start(config, 1);
    ASSERT_TRUE(first) << first.error();
    EXPECT_NE(start(config, 2), *first);
  }
  EXPECT_FALSE(exists("state"));
  EXPECT_EQ(log_.take(), "");
}

TEST_F(ClientIdentityTest, WorksOnWhereTheDefaultFileCannotBeUsed) {
  const std::string consequence =
      "; after a restart mpserver sees a new client. Name a file with 'state FILE', write 'state none' if "
      "that is what you want, or set a key\n";
  static_cast<void>(folder_.write("state", "in the way"));
  const std::string path = folder_ / "state/client-secret";
  const auto first = start("", 1);
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(log_.take(), "warning: state file " + path + " can't be made: Not a directory" + consequence);
  EXPECT_NE(start("", 2), *first);
  log_.take();

  std::filesystem::remove(folder_ / "state");
  std::filesystem::create_directory(folder_ / "state");
  static_cast<void>(folder_.write("state/client-secret", ""));
  EXPECT_TRUE(start("", 1));
  EXPECT_EQ(log_.take(), "error: state file " + path +
                             " has no secret in it: remove it, and the next start makes a new one" +
                             consequence);
  EXPECT_EQ(std::filesystem::file_size(path), 0U);
}

TEST_F(ClientIdentityTest, IsAnErrorWhereANamedFileCannotBeUsed) {
  static_cast<void>(folder_.write("file", ""));
  EXPECT_EQ(start("state file/s\n", 1).error(),
            "state file " + (folder_ / "file/s can't be made: Not a directory"));
  EXPECT_EQ(
      start("state file\n", 1).error(),
      "state file " + (folder_ / "file has no secret in it: remove it, and the next start makes a new one"));
  EXPECT_EQ(log_.take(), "");
}

}  // namespace
}  // namespace mptunnel
