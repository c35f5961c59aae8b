#include "mptunnel/host/read_file.h"

#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::TemporaryFolder;

TEST(ReadFile, GivesUpToItsLimit) {
  const TemporaryFolder folder;
  const std::string path = folder.write("f", std::string(40000, 'x'));
  EXPECT_EQ(read_file(path, 40000), std::string(40000, 'x'));
  EXPECT_EQ(read_file(path, 39999).error(), path + ": cannot be read: it has more than 39999 bytes");
  EXPECT_EQ(read_file("/dev/zero", 100000).error(),
            "/dev/zero: cannot be read: it has more than 100000 bytes");
  EXPECT_EQ(read_file(folder.path(), 10).error(), folder.path() + ": cannot be read: Is a directory");
}

}  // namespace
}  // namespace mptunnel
