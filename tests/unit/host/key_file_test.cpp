#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "mptunnel/host/read_file.h"
#include "unit/crypto/hex.h"
#include "unit/crypto/numbered_key.h"

namespace mptunnel {
namespace {

using test::kNumberedKeyHex;
using test::kNumberedKeyText;

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
  const std::string text(kNumberedKeyText);
  for (const std::string& content :
       {text, text + "\n", "# made on a Monday\n\n  " + text + "  \n\n# end\n", "#\r\n" + text + "\r\n",
        "alice " + text + "\n", "# for alice\n alice\t " + text + " \r\n",
        std::string(4096 - 45, '\n') + text + "\n"}) {
    const auto key = load_key_file(write(content));
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(test::to_hex(key->bytes), kNumberedKeyHex);
  }
}

TEST_F(KeyFile, MayBeReachedByASymbolicLink) {
  std::filesystem::create_symlink(write(std::string(kNumberedKeyText)), path("link"));
  EXPECT_TRUE(load_key_file(path("link")));
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  expect_error(path("link"), "is open to others than its owner: chmod 600 " + path("link"));
}

TEST_F(KeyFile, IsRefusedWhereOthersMayOpenIt) {
  for (const mode_t mode : {0604U, 0660U, 0670U, 0444U, 0620U, 0602U, 0610U, 0601U, 0644U, 0666U, 0777U}) {
    SCOPED_TRACE(mode);
    expect_error(write(std::string(kNumberedKeyText), mode),
                 "is open to others than its owner: chmod 600 " + path());
  }
  for (const mode_t mode : {0600U, 0700U})
    EXPECT_TRUE(load_key_file(write(std::string(kNumberedKeyText), mode)));
  ASSERT_EQ(::chmod(path().c_str(), 0400), 0);
  EXPECT_TRUE(load_key_file(path()));
}

// As secrets of Kubernetes (0440 root:fsGroup) and credentials of systemd are (0400 with an ACL, whose mask
// stands where the group's rights do).
TEST_F(KeyFile, MayBeReadByItsGroup) {
  for (const mode_t mode : {0440U, 0640U, 0540U}) {
    SCOPED_TRACE(mode);
    const std::string file = write(std::string(kNumberedKeyText), mode);
    EXPECT_TRUE(load_key_file(file));
    EXPECT_EQ(secret_file_warning(file, kKeyFileWords), std::nullopt);
  }
  EXPECT_FALSE(load_secret_file(path(), {"state file", "secret", "", "", ""}));
}

TEST_F(KeyFile, WarnsOfAGroupThatIsNotItsOwners) {
  const std::string file = write(std::string(kNumberedKeyText), 0640);
  if (::chown(file.c_str(), static_cast<uid_t>(-1), 4711) != 0)
    GTEST_SKIP() << "only root can give a file to any group";
  EXPECT_TRUE(load_key_file(file));
  EXPECT_EQ(secret_file_warning(file, kKeyFileWords),
            "key file " + file +
                " can be read by group 4711, which this user is not in: if that is not meant, chmod 600 " +
                file);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_EQ(secret_file_warning(file, kKeyFileWords), std::nullopt);
}

// root:group 0440, read by a service of that group: neither the file nor what the group may do is its own.
TEST_F(KeyFile, OfRootIsReadByTheGroupWithoutAWarning) {
  const std::string file = write(std::string(kNumberedKeyText), 0440);
  if (::chown(file.c_str(), 0, 4711) != 0) GTEST_SKIP() << "only root can give a file to any group";
  const pid_t child = ::fork();
  if (child == 0) {
    ::chmod(folder_.c_str(), 0755);
    if (::setresgid(4711, 4711, 4711) != 0 || ::setresuid(4711, 4711, 4711) != 0) ::_exit(1);
    ::_exit(load_key_file(file) && !secret_file_warning(file, kKeyFileWords) ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(KeyFile, OfAServiceIsFoundAmongItsCredentials) {
  const std::string file = write(std::string(kNumberedKeyText));
  EXPECT_EQ(credential_path("key", folder_), file);
  EXPECT_EQ(credential_path("$CREDENTIALS_DIRECTORY/other", folder_), path("other"));
  EXPECT_EQ(credential_path("${CREDENTIALS_DIRECTORY}/key", folder_), file);
  for (const char* const name : {"other", "./key", "/etc/key", ""})
    EXPECT_EQ(credential_path(name, folder_), name);
  EXPECT_EQ(credential_path("key", ""), "key");
}

TEST_F(KeyFile, BelongsToThisUserOrToRoot) {
  const std::string file = write(std::string(kNumberedKeyText));
  EXPECT_TRUE(load_key_file(file));
  if (::chown(file.c_str(), 4711, static_cast<gid_t>(-1)) != 0)
    GTEST_SKIP() << "only root can give a file away";
  expect_error(file, "belongs to another user (4711): chown 0 " + file);
  const pid_t child = ::fork();
  if (child == 0) {
    ::chmod(folder_.c_str(), 0755);
    if (::setresuid(4711, 4711, 4711) != 0) ::_exit(1);
    ::_exit(load_key_file(file) ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(KeyFile, MayBeginWithAByteOrderMark) {
  EXPECT_TRUE(load_key_file(write("\xef\xbb\xbf" + std::string(kNumberedKeyText) + "\r\n")));
  EXPECT_TRUE(load_key_file(write("\xef\xbb\xbf# a comment\n" + std::string(kNumberedKeyText))));
}

TEST_F(KeyFile, SaysWhatIsWrongWithIt) {
  const std::string text(kNumberedKeyText);
  const std::string wanted = "a key is 32 bytes in base64, 44 characters, as --genkey prints it";
  expect_error(path("absent"), "can't be opened: No such file or directory");
  expect_error(folder_, "is not a regular file: name the file that has the key");
  expect_error(write(""), "has no key in it: make one with --genkey");
  expect_error(write("# only a comment\n \n"), "has no key in it: make one with --genkey");
  expect_error(write("; a comment\n" + text),
               "has a line that begins with ';', which is no comment here: write '#' instead");
  expect_error(write("// a comment\n" + text),
               "has a line that begins with '//', which is no comment here: write '#' instead");
  expect_error(write("alice\xc2\xa0" + text),
               "has a no-break space (U+00A0) in a line: write plain blanks, or none");
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
  EXPECT_TRUE(load_key_file(write(std::string(kNumberedKeyText))));
  EXPECT_FALSE(load_key_file(folder_));
  const int after = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(after);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace mptunnel
