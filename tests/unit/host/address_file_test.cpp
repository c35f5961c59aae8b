#include "mptunnel/host/address_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::TemporaryFolder;

/// "NAME ADDRESS ADDRESS\n..."
std::string text_of(const std::vector<KnownName>& names) {
  std::string text;
  for (const KnownName& name : names) {
    text += name.host;
    for (const Endpoint& address : name.addresses) text += " " + address.to_string();
    text += "\n";
  }
  return text;
}

KnownName named(const std::string& host, const std::string& address) {
  return {host, {parse_numeric_endpoint(address, 0).value()}};
}

TEST(AddressFile, KeepsTheNamesOfOthersBehindTheNewOnes) {
  const TemporaryFolder folder;
  const std::string path = folder / "new/folder/addresses";
  EXPECT_TRUE(read_address_file(path).value().empty());
  ASSERT_TRUE(update_address_file(path, {named("a.example", "192.0.2.1"), named("b", "2001:db8::1")}));
  ASSERT_TRUE(update_address_file(path, {named("b", "192.0.2.7"), named("c", "192.0.2.8")}));
  EXPECT_EQ(text_of(read_address_file(path).value()),
            "b 192.0.2.7:0\nc 192.0.2.8:0\na.example 192.0.2.1:0\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto files = std::filesystem::directory_iterator(folder / "new/folder");
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing is left beside it";
}

TEST(AddressFile, SaysWhyItCannotBeWritten) {
  const auto written = update_address_file("/proc/no/addresses", {named("a", "192.0.2.1")});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().what, "/proc/no/addresses can't be written: No such file or directory");
}

/// Why the file is not used, without its name; empty if it is.
std::string refusal_of(const std::string& path) {
  const auto names = read_address_file(path);
  const std::string before = path + " is not used: ";
  if (names || !names.error().starts_with(before)) return names ? std::string() : names.error();
  return names.error().substr(before.size());
}

TEST(AddressFile, TakesNothingThatAnotherUserMayHaveWritten) {
  const TemporaryFolder folder;
  const std::string path = folder.write("addresses", "a 192.0.2.1\n");
  EXPECT_EQ(read_address_file(path).value().size(), 1U);
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(refusal_of(path), "others may write to it (chmod go-w)") << mode;
    EXPECT_FALSE(update_address_file(path, {named("b", "192.0.2.2")}));
  }
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(text_of(read_address_file(path).value()), "a 192.0.2.1:0\n") << "left as it was";
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(path.c_str(), 4321, 4321), 0);
  EXPECT_EQ(refusal_of(path), "it belongs to another user (4321)");
}

TEST(AddressFile, TakesNothingThatIsNoSuchFileAndLeavesItAlone) {
  const TemporaryFolder folder;
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, std::string("/dev/null"), std::string("/dev/zero"), folder / "."}) {
    EXPECT_EQ(refusal_of(path), "it is no regular file") << path;
  }
  EXPECT_EQ(update_address_file(fifo, {named("a", "192.0.2.1")}).error().what,
            fifo + " is not used: it is no regular file");
  struct stat status {};
  ASSERT_EQ(::lstat(fifo.c_str(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
  const std::string large = folder.write("large", std::string(kMaxAddressFileBytes + 1, ' '));
  EXPECT_EQ(refusal_of(large), "it has more than 32768 bytes");
}

TEST(AddressFile, RefusesATextThatSaysNothingButSomethingElse) {
  for (const char* const line : {"a", "B 192.0.2.1", "a x", "a 0.0.0.0", "a 1.2.3", "a\x1b[2J 192.0.2.1",
                                 "root:x:0:0:root:/root:/bin/bash", "\x7f\x45LF"}) {
    const auto other = parse_known_names("# a comment\n\n" + std::string(line) + "\n?\n");
    ASSERT_FALSE(other) << line;
    EXPECT_EQ(other.error(), "line 3 is no name with addresses");
    const auto damaged = parse_known_names("b 192.0.2.1\n" + std::string(line) + "\nc ::1 ::: 9 ::2\n");
    EXPECT_EQ(text_of(damaged.value()), "b 192.0.2.1:0\nc [::1]:0 [::2]:0\n") << line;
  }
  EXPECT_EQ(text_of(parse_known_names(
                        "# a comment\n\n \t\r\nb 192.0.2.1\r\nc\t::1\nb 192.0.2.9\nd 192.0.2.1 192.0.2.2 "
                        "192.0.2.3 192.0.2.4 192.0.2.5")
                        .value()),
            "b 192.0.2.1:0\nc [::1]:0\nd 192.0.2.1:0 192.0.2.2:0 192.0.2.3:0 192.0.2.4:0\n");
}

TEST(AddressFile, NameThatIsNoneIsNotWritten) {
  const TemporaryFolder folder;
  const std::string path = folder / "addresses";
  ASSERT_TRUE(update_address_file(path, {named("b\xc3\xbc"
                                               "cher",
                                               "192.0.2.1"),
                                         named("a b", "192.0.2.2"), named("c", "192.0.2.3")}));
  EXPECT_EQ(text_of(read_address_file(path).value()), "c 192.0.2.3:0\n");
}

TEST(AddressFile, KeepsItsLimitsWhateverIsInIt) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "name" + std::to_string(i) + " 192.0.2.1\n";
  EXPECT_EQ(parse_known_names(many).value().size(), kMaxKnownNames);
  test::TestRandom random{1};
  std::size_t read = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = "name 192.0.2.1 2001:db8::1\nother 192.0.2.2\n";
    for (std::size_t n = random.below(8); n > 0; --n)
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    const auto names = parse_known_names(text);
    if (!names) continue;
    ++read;
    for (const KnownName& name : *names) {
      EXPECT_FALSE(name.host.empty());
      EXPECT_LE(name.host.size(), 253U);
      EXPECT_FALSE(name.addresses.empty());
      EXPECT_LE(name.addresses.size(), kMaxKnownAddresses);
    }
  }
  EXPECT_GT(read, 250U);
}

/// Runs `body` in a process of its own.
template <typename Body>
pid_t in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  return child;
}

TEST(AddressFile, ProcessesThatWriteAtOnceKeepTheNamesOfEachOther) {
  const TemporaryFolder folder;
  const std::string path = folder / "addresses";
  constexpr int kProcesses = 4;
  constexpr int kNames = 12;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(in_child([&] {
      for (int i = 0; i < kNames; ++i) {
        const KnownName name = named("name" + std::to_string(process) + "-" + std::to_string(i), "192.0.2.1");
        for (auto written = update_address_file(path, {name}); !written && written.error().is_busy;
             written = update_address_file(path, {name}))
          ::usleep(100);
      }
    }));
  }
  for (const pid_t child : children) ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(read_address_file(path).value().size(), std::size_t{kProcesses * kNames});
}

TEST(AddressFile, NothingIsLeftOfThoseThatWereKilledMeanwhile) {
  const TemporaryFolder folder;
  const std::string path = folder / "addresses";
  // Of those that are killed none may have come so far.
  ASSERT_TRUE(update_address_file(path, {named("a", "192.0.2.1")}));
  for (int i = 0; i < 40; ++i) {
    const pid_t child = in_child([&] {
      for (;;) static_cast<void>(update_address_file(path, {named("a", "192.0.2.1")}));
    });
    ::usleep(3000);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  ASSERT_TRUE(update_address_file(path, {named("b", "192.0.2.2")}));
  EXPECT_EQ(read_address_file(path).value().size(), 2U);
  const auto files = std::filesystem::directory_iterator(folder / "");
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(AddressFile, LinkThatIsLeftBesideItIsNotFollowed) {
  const TemporaryFolder folder;
  const std::string path = folder / "addresses";
  const std::string victim = folder.write("victim", "precious\n");
  ASSERT_EQ(::symlink(victim.c_str(), (path + ".new").c_str()), 0);
  ASSERT_TRUE(update_address_file(path, {named("a", "192.0.2.1")}));
  EXPECT_EQ(std::filesystem::file_size(victim), 9U);
}

TEST(AddressFile, IsBesideTheSecret) {
  EXPECT_EQ(default_address_path({.uid = 0, .state_directory = "/run/s:/x", .state_home = "", .home = ""}),
            "/run/s/bridge-addresses");
}

}  // namespace
}  // namespace mptunnel
