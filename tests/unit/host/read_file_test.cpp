#include "mptunnel/host/read_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

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

TEST(ReadSecretFile, RefusesOneThatSomebodyWritesToMeanwhile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("f", "");
  constexpr std::size_t kSize = std::size_t{16} << 20U;
  std::filesystem::resize_file(path, kSize);
  constexpr std::size_t kLimit = 2 * kSize;
  ASSERT_TRUE(read_secret_file(path, kKeyFileWords, kLimit));
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    for (std::size_t size = kSize + 1; !is_over && size < kLimit; ++size) {
      std::filesystem::resize_file(path, size);
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
  });
  // Reading takes milliseconds; the writer may not have begun, or may have to wait for a processor.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::string error;
  while (error.empty() && std::chrono::steady_clock::now() < end) {
    if (const auto text = read_secret_file(path, kKeyFileWords, kLimit); !text) error = text.error();
  }
  is_over = true;
  writer.join();
  EXPECT_EQ(error, "key file " + path + " changed while it was read: try again");
  EXPECT_TRUE(read_secret_file(path, kKeyFileWords, kLimit));
}

}  // namespace
}  // namespace mptunnel
