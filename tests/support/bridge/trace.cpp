#include "support/bridge/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace mptunnel::test {

std::string to_line(const TraceRecord& record) {
  std::string line = fmt::format("{} {} {} {} {} ", record.time.time_since_epoch().count(),
                                 record.direction == Direction::up ? "up" : "down",
                                 record.loss ? name_of(*record.loss) : "forwarded",
                                 record.second_copy ? 2 : 1, record.datagram.size());
  if (record.datagram.empty()) line += '-';
  for (const std::uint8_t byte : record.datagram.first(std::min(record.datagram.size(), kTracedBytes))) {
    fmt::format_to(std::back_inserter(line), "{:02x}", byte);
  }
  return line;
}

tl::expected<TraceWriter, std::string> TraceWriter::open(const std::string& path, std::size_t limit) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (!out) return tl::unexpected(fmt::format("{}: can't be written", path));
  return TraceWriter(std::move(out), limit);
}

void TraceWriter::write(const TraceRecord& record) {
  if (left_ == 0) {
    ++left_out_;
    return;
  }
  out_ << to_line(record) << '\n';
  if (--left_ == 0) out_.flush();
}

}  // namespace mptunnel::test
