#include "mptunnel/host/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace mptunnel {
namespace {

tl::unexpected<std::string> unreadable(const std::string& path, std::string_view reason) {
  return tl::make_unexpected(fmt::format("{}: cannot be read: {}", path, reason));
}

}  // namespace

tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit_bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return unreadable(path, std::strerror(errno));
  std::string content;
  std::array<char, 16384> piece{};
  while (content.size() <= limit_bytes) {
    const ssize_t count = read(file, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      close(file);
      return unreadable(path, std::strerror(error));
    }
    if (count == 0) break;
    content.append(piece.data(), static_cast<std::size_t>(count));
  }
  close(file);
  if (content.size() > limit_bytes)
    return unreadable(path, fmt::format("it has more than {} bytes", limit_bytes));
  return content;
}

}  // namespace mptunnel
