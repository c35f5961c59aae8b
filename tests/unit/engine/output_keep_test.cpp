// Output: who owns the bytes that it delivers.

#include <gtest/gtest.h>

#include <string>

#include "mptunnel/engine/output.h"

namespace mptunnel {
namespace {

std::string text(ConstBytes bytes) {
  return {bytes.begin(), bytes.end()};
}
std::vector<std::uint8_t> copy(std::string_view bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(OutputKeep, KeptBytesStayValidWhileMoreIsKept) {
  Output out;
  std::vector<Bytes> kept;
  for (int i = 0; i < 1000; ++i) {
    kept.push_back(out.keep(copy("packet " + std::to_string(i))));
    out.deliver(FlowHandle{static_cast<std::uint32_t>(i % 3)}, kept.back().subspan(7));
    out.make_packet(1000);
  }
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(text(kept[static_cast<std::size_t>(i)]), "packet " + std::to_string(i));
  out.group_deliveries();
  ASSERT_EQ(out.deliveries.size(), 3U);
  int next = 1;
  for (const ConstBytes piece : out.pieces_of(out.deliveries[1])) {
    EXPECT_EQ(text(piece), std::to_string(next));
    next += 3;
  }
}

TEST(OutputKeep, KeptBytesMoveInWithoutACopy) {
  Output out;
  std::vector<std::uint8_t> bytes = copy("held back");
  const std::uint8_t* where = bytes.data();
  EXPECT_EQ(out.keep(std::move(bytes)).data(), where);
}

TEST(OutputKeep, KeptBytesMayBeChangedInPlace) {
  Output out;
  const Bytes kept = out.keep(copy("sealed"));
  out.keep(copy("another"));
  std::fill(kept.begin(), kept.end(), std::uint8_t{'x'});
  out.deliver(FlowHandle{1}, kept);
  EXPECT_EQ(text(out.pieces[0]), "xxxxxx");
}

TEST(OutputKeep, KeepingAloneIsNoWorkForTheProgram) {
  Output out;
  out.keep(copy("held back"));
  EXPECT_TRUE(out.empty());
  out.clear();
  EXPECT_EQ(text(out.keep(copy("next"))), "next");
}

}  // namespace
}  // namespace mptunnel
