#include "support/common/samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "plain_values.h"
#include "support/common/batch_io.h"

namespace mptunnel::test {
namespace {

TEST(Samples, ReadsDatagramsOfAnySize) {
  std::istringstream in(text_of({0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9}));
  const auto samples = read_samples(in);
  ASSERT_TRUE(samples);
  EXPECT_EQ(*samples, (std::vector<Buffer>{{7, 8}, {}, {9}}));
}

TEST(Samples, RefusesEveryTruncation) {
  const Buffer whole{0, 0, 0, 2, 7, 8, 0, 0, 0, 3, 1, 2, 3};
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::istringstream in(
        text_of(Buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))));
    EXPECT_EQ(read_samples(in).has_value(), length == 0 || length == 6) << length;
  }
}

TEST(Samples, RefusesALengthThatNoDatagramHas) {
  std::istringstream in(text_of({0, 1, 0, 0}));
  const auto samples = read_samples(in);
  ASSERT_FALSE(samples);
  EXPECT_NE(samples.error().find("65536"), std::string::npos);
}

TEST(SampleWriter, WritesWhatIsReadBackUpToItsLimit) {
  const std::string path =
      (std::filesystem::path(testing::TempDir()) / ("samples_" + std::to_string(::getpid()))).string();
  auto writer = SampleWriter::open(path, 2);
  ASSERT_TRUE(writer);
  for (const Buffer& sample : std::vector<Buffer>{{1, 2, 3}, {}, {4}}) writer->write(sample);
  // The limit is reached, so it is on disk while the writer lives.
  const auto samples = read_sample_file(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(samples) << samples.error();
  EXPECT_EQ(*samples, (std::vector<Buffer>{{1, 2, 3}, {}}));
}

TEST(SampleWriter, NamesAFileThatCantBeOpened) {
  EXPECT_NE(SampleWriter::open("/nonexistent/file", 1).error().find("/nonexistent/file"), std::string::npos);
  EXPECT_NE(read_sample_file("/nonexistent/file").error().find("/nonexistent/file"), std::string::npos);
}

TEST(SampleRing, KeepsTheLatest) {
  SampleRing ring;
  for (std::size_t i = 0; i < SampleRing::kCapacity + 10; ++i) {
    ring.put(Buffer{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)});
  }
  ASSERT_EQ(ring.samples().size(), SampleRing::kCapacity);
  const auto has = [&](std::size_t i) {
    const Buffer wanted{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)};
    return std::find(ring.samples().begin(), ring.samples().end(), wanted) != ring.samples().end();
  };
  EXPECT_FALSE(has(9));
  EXPECT_TRUE(has(10));
  EXPECT_TRUE(has(SampleRing::kCapacity + 9));
}

}  // namespace
}  // namespace mptunnel::test
