#include "support/bridge/trace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

namespace mptunnel::test {
namespace {

constexpr std::array<std::uint8_t, 10> kBytes{0, 1, 0xab, 3, 4, 5, 6, 0xff, 8, 9};

TraceRecord record(std::size_t size) {
  return {TimePoint(Duration(1234567890123)), Direction::up, std::nullopt, false,
          ConstBytes(kBytes).first(size)};
}

TEST(Trace, LineHasAllFieldsAndTheHead) {
  EXPECT_EQ(to_line(record(10)), "1234567890123 up forwarded 1 10 0001ab03040506ff");
  EXPECT_EQ(to_line(record(8)), "1234567890123 up forwarded 1 8 0001ab03040506ff");
  EXPECT_EQ(to_line(record(3)), "1234567890123 up forwarded 1 3 0001ab");
  EXPECT_EQ(to_line(record(0)), "1234567890123 up forwarded 1 0 -");
}

TEST(Trace, LineTellsDirectionLossAndCopy) {
  TraceRecord lost = record(1);
  lost.direction = Direction::down;
  lost.loss = Loss::blackout;
  lost.second_copy = true;
  EXPECT_EQ(to_line(lost), "1234567890123 down blackout 2 1 00");
}

class TraceFile : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream in(path_);
    std::vector<std::string> result;
    for (std::string line; std::getline(in, line);) result.push_back(line);
    return result;
  }

  const std::string path_ =
      (std::filesystem::path(testing::TempDir()) / ("trace_" + std::to_string(::getpid()))).string();
};

TEST_F(TraceFile, HasALineForEachRecordUpToItsLimit) {
  auto writer = TraceWriter::open(path_, 2);
  ASSERT_TRUE(writer) << writer.error();
  for (std::size_t size = 0; size < 5; ++size) writer->write(record(size));
  EXPECT_EQ(writer->left_out(), 3U);
  // The limit is reached, so they are on disk while the writer lives.
  EXPECT_EQ(lines(), (std::vector{to_line(record(0)), to_line(record(1))}));
}

TEST_F(TraceFile, IsUpToDateAfterAFlush) {
  auto writer = TraceWriter::open(path_, 100);
  ASSERT_TRUE(writer) << writer.error();
  writer->write(record(4));
  writer->flush();
  EXPECT_EQ(lines(), std::vector{to_line(record(4))});
  EXPECT_EQ(writer->left_out(), 0U);
}

TEST(Trace, NamesAFileThatCantBeOpened) {
  EXPECT_NE(TraceWriter::open("/nonexistent/file", 1).error().find("/nonexistent/file"), std::string::npos);
}

}  // namespace
}  // namespace mptunnel::test
