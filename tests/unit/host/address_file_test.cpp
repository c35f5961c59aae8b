#include "mptunnel/host/address_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

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
  EXPECT_TRUE(read_address_file(path).empty());
  ASSERT_TRUE(update_address_file(path, {named("a.example", "192.0.2.1"), named("b", "2001:db8::1")}));
  ASSERT_TRUE(update_address_file(path, {named("b", "192.0.2.7"), named("c", "192.0.2.8")}));
  EXPECT_EQ(text_of(read_address_file(path)), "b 192.0.2.7:0\nc 192.0.2.8:0\na.example 192.0.2.1:0\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const auto files = std::filesystem::directory_iterator(folder / "new/folder");
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing is left beside it";
}

TEST(AddressFile, SaysWhyItCannotBeWritten) {
  const auto written = update_address_file("/proc/no/addresses", {named("a", "192.0.2.1")});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error(), "/proc/no/addresses can't be written: No such file or directory");
}

TEST(AddressFile, TakesNothingThatAnotherUserMayHaveWritten) {
  const TemporaryFolder folder;
  const std::string path = folder.write("addresses", "a 192.0.2.1\n");
  EXPECT_EQ(read_address_file(path).size(), 1U);
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(read_address_file(path).empty()) << mode;
  }
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(read_address_file(path).size(), 1U);
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(read_address_file(fifo).empty());
  EXPECT_TRUE(read_address_file("/dev/zero").empty());
  EXPECT_TRUE(read_address_file(folder.write("large", std::string(kMaxAddressFileBytes + 1, ' '))).empty());
}

TEST(AddressFile, LeavesOutWhatIsNoNameWithAddresses) {
  EXPECT_EQ(text_of(parse_known_names("# a comment\n\na\nb x 192.0.2.1 0.0.0.0\r\nB 192.0.2.1\nc\t::1 1.2.3\n"
                                      "b 192.0.2.9\n\x1b[2J 192.0.2.1\nd 192.0.2.1 192.0.2.2 192.0.2.3 "
                                      "192.0.2.4 192.0.2.5")),
            "b 192.0.2.1:0\nc [::1]:0\nd 192.0.2.1:0 192.0.2.2:0 192.0.2.3:0 192.0.2.4:0\n");
}

TEST(AddressFile, KeepsItsLimitsWhateverIsInIt) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += "name" + std::to_string(i) + " 192.0.2.1\n";
  EXPECT_EQ(parse_known_names(many).size(), kMaxKnownNames);
  test::TestRandom random{1};
  for (int i = 0; i < 2000; ++i) {
    std::string text = "name 192.0.2.1 2001:db8::1\nother 192.0.2.2\n";
    for (std::size_t n = random.below(8); n > 0; --n)
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    for (const KnownName& name : parse_known_names(text)) {
      EXPECT_FALSE(name.host.empty());
      EXPECT_LE(name.host.size(), 253U);
      EXPECT_FALSE(name.addresses.empty());
      EXPECT_LE(name.addresses.size(), kMaxKnownAddresses);
    }
  }
}

TEST(AddressFile, IsBesideTheSecret) {
  EXPECT_EQ(default_address_path({.uid = 0, .state_directory = "/run/s:/x", .state_home = "", .home = ""}),
            "/run/s/bridge-addresses");
}

}  // namespace
}  // namespace mptunnel
