#include "mptunnel/ports/known_addresses.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <optional>

#include "mptunnel/base/file.h"
#include "support/temporary_folder.h"
#include "unit/ports/captured_log.h"
#include "unit/ports/fake_ports.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

Endpoint at(std::string_view address, std::uint16_t port = 4000) {
  return parse_numeric_endpoint(address, port).value();
}

class KnownAddressesTest : public testing::Test {
 protected:
  [[nodiscard]] std::size_t kept() const { return read_address_file(path_).value().size(); }

  test::TemporaryFolder folder_;
  std::string path_ = folder_ / "addresses";
  test::FakeClock clock_;
  test::CapturedLog lines_;
};

TEST_F(KnownAddressesTest, AreThereAfterTheNextStart) {
  {
    KnownAddresses known(path_, clock_);
    known.note({"Bridge.Example.", 4000}, at("192.0.2.1"));
    known.note({"bridge.example", 4000}, at("2001:db8::1"));
  }
  const KnownAddresses known(path_, clock_);
  EXPECT_EQ(known.find({"bridge.example", 5}),
            (std::vector<Endpoint>{at("2001:db8::1", 5), at("192.0.2.1", 5)}));
  EXPECT_TRUE(known.find({"other.example", 5}).empty());
}

TEST_F(KnownAddressesTest, AreWrittenSoonAfterAChangeAndRarely) {
  KnownAddresses known(path_, clock_);
  known.note({"a", 1}, at("192.0.2.1"));
  known.note({"b", 1}, at("192.0.2.2"));
  EXPECT_EQ(kept(), 0U);
  clock_.advance(KnownAddresses::kWriteAfter);
  EXPECT_EQ(kept(), 2U);
  std::filesystem::remove(path_);
  known.note({"a", 1}, at("192.0.2.1"));
  clock_.advance(1h);
  EXPECT_EQ(kept(), 0U) << "nothing has changed";
  known.note({"a", 1}, at("192.0.2.3"));
  clock_.advance(1s);
  known.note({"a", 1}, at("192.0.2.1"));
  std::filesystem::remove(path_);
  clock_.advance(KnownAddresses::kWriteEach - 1ms);
  EXPECT_EQ(kept(), 0U);
  clock_.advance(1ms);
  EXPECT_EQ(kept(), 1U);
}

TEST_F(KnownAddressesTest, HostsThatNeedNoNameServerAreNotKept) {
  {
    KnownAddresses known(path_, clock_);
    for (const char* const host : {"192.0.2.1", "::1", "fe80::1%eth0", "localhost"})
      known.note({host, 1}, at("192.0.2.1"));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(KnownAddressesTest, AnAnswerOfNoAddressIsNotKept) {
  {
    KnownAddresses known(path_, clock_);
    known.note({"good", 1}, at("192.0.2.1"));
    known.note({"blocked", 1}, at("0.0.0.0"));
    known.note({"blocked", 1}, at("::"));
  }
  EXPECT_EQ(kept(), 1U) << "and the file can still be read";
}

TEST_F(KnownAddressesTest, FileThatIsSomethingElseIsSaidOnceAndLeftAlone) {
  test::TemporaryFolder folder;
  const std::string path = folder.write("addresses", "# users\nroot:x:0:0:root:/root:/bin/bash\n");
  {
    KnownAddresses known(path, clock_);
    EXPECT_EQ(lines_.take(),
              "warning: " + path +
                  " is not used: line 2 is no name with addresses; the addresses of bridges are neither read "
                  "from it nor kept there: remove it\n");
    EXPECT_TRUE(known.find({"a", 1}).empty());
    known.note({"b", 1}, at("192.0.2.2"));
    clock_.advance(1h);
    EXPECT_EQ(lines_.take(), "");
    EXPECT_FALSE(read_address_file(path));
    std::filesystem::remove(path);
    clock_.advance(1min);
  }
  EXPECT_EQ(read_address_file(path).value().size(), 1U);
}

TEST_F(KnownAddressesTest, FileThatAnotherProcessWritesIsWrittenSoonAfter) {
  const File other(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  KnownAddresses known(path_, clock_);
  known.note({"a", 1}, at("192.0.2.1"));
  clock_.advance(5s);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(lines_.take(), "");
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  clock_.advance(1s);
  EXPECT_EQ(kept(), 1U);
  known.note({"b", 1}, at("192.0.2.2"));
  ASSERT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  clock_.advance(1h);
  EXPECT_NE(
      lines_.take().find("another process has locked its folder: the addresses of bridges are not kept"),
      std::string::npos);
}

TEST_F(KnownAddressesTest, FileThatCannotBeWrittenIsSaidOnce) {
  KnownAddresses known("/proc/no/addresses", clock_);
  for (const char* const address : {"192.0.2.1", "192.0.2.2"}) {
    known.note({"a", 1}, at(address));
    clock_.advance(1h);
  }
  EXPECT_EQ(
      lines_.take(),
      "info: /proc/no/addresses can't be written: No such file or directory: the addresses of bridges are "
      "not kept, which a start without a name server would need\n");
}

}  // namespace
}  // namespace mptunnel
