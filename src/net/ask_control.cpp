#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "mptunnel/net/clock.h"
#include "mptunnel/net/control_socket.h"

namespace mptunnel {
namespace {

tl::unexpected<std::string> failed(const std::string& path, std::string_view why) {
  return tl::make_unexpected(fmt::format("{}: {}", path, why));
}

/// Whether something happened before the deadline.
bool wait_for(int fd, short events, TimePoint deadline) {
  while (true) {
    const TimePoint now = monotonic_now();
    if (now >= deadline) return false;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    pollfd entry{fd, events, 0};
    const int count = poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
}

/// Why it could not be connected; empty if it is.
std::string connect_to(int fd, const std::string& path, Duration timeout) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) return "the path is too long for a socket";
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  // A full queue makes connect() wait, for as long as this allows.
  const auto microseconds =
      std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::microseconds>(timeout).count());
  const timeval limit{microseconds / 1'000'000, microseconds % 1'000'000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return {};
  if (errno == ENOENT) return "nothing runs there (there is no such socket)";
  if (errno == ECONNREFUSED) return "nothing runs there (the socket is left over)";
  if (errno == EAGAIN) return "no answer: too many others ask";
  return std::strerror(errno);
}

tl::expected<std::string, std::string> exchange(int fd, const std::string& path, std::string_view request,
                                                Duration timeout) {
  const TimePoint deadline = monotonic_now() + timeout;
  if (const std::string problem = connect_to(fd, path, timeout); !problem.empty())
    return failed(path, problem);
  const std::string line = std::string(request) + '\n';
  // It is shorter than any socket's buffer: all of it is taken at once.
  if (send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return failed(path, fmt::format("the request cannot be sent: {}", std::strerror(errno)));
  std::string answer;
  std::array<char, 65536> piece{};
  while (wait_for(fd, POLLIN, deadline)) {
    const ssize_t count = recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) return failed(path, std::strerror(errno));
    if (count == 0 && answer.empty()) return failed(path, "it closed the connection without an answer");
    if (count == 0) return answer;
    answer.append(piece.data(), static_cast<std::size_t>(count));
    if (answer.size() > kMaxControlAnswerBytes) return failed(path, "the answer does not end");
  }
  return failed(path, "no answer in time");
}

}  // namespace

tl::expected<std::string, std::string> ask_control(const std::string& path, std::string_view request,
                                                   Duration timeout) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(path, std::strerror(errno));
  auto answer = exchange(fd, path, request, timeout);
  close(fd);
  return answer;
}

}  // namespace mptunnel
