// The end of the control socket that asks. It trusts what belongs to the asking user or to root alone; root
// also what it names.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "mptunnel/net/control_socket.h"
#include "unix_socket.h"

namespace mptunnel {
namespace {

tl::unexpected<std::string> failed(const std::string& path, std::string_view why) {
  return tl::make_unexpected(fmt::format("{}: {}", path, why));
}

/// Why it could not be connected; empty if it is.
std::string connect_to(int fd, const std::string& path, Duration timeout) {
  const auto address = address_of(path);
  if (!address) return "the path is too long for a socket";
  // A full queue makes connect() wait, for as long as this allows.
  const auto microseconds =
      std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::microseconds>(timeout).count());
  const timeval limit{microseconds / 1'000'000, microseconds % 1'000'000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd, generic(*address), sizeof(*address)) == 0) return {};
  if (errno == ENOENT) return "nothing runs there (there is no such socket)";
  if (errno == ECONNREFUSED) return "nothing runs there (the socket is left over)";
  if (errno == EAGAIN) return "no answer: too many others ask";
  return std::strerror(errno);
}

/// What to do about a socket of another user's.
std::string_view cure(uid_t asker) {
  return asker == 0 ? "ask as that user, or name the socket with --control" : "ask as that user";
}

bool is_trusted(uid_t owner, uid_t asker) {
  return owner == 0 || owner == asker;
}

}  // namespace

std::optional<std::string> distrust_of_place(const std::string& path, uid_t asker) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  if (!is_trusted(status.st_uid, asker))
    return fmt::format("the socket belongs to another user ({}): {}", status.st_uid, cure(asker));
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (stat(folder.c_str(), &status) != 0) return std::nullopt;
  if (!is_trusted(status.st_uid, asker))
    return fmt::format("its folder belongs to another user ({}): {}", status.st_uid, cure(asker));
  // With the sticky bit others may put files there, but neither rename nor remove ours. Many users have a
  // group of their own, which root's folders are not meant for.
  const mode_t strangers = asker == 0 ? S_IWGRP | S_IWOTH : S_IWOTH;
  if ((status.st_mode & strangers) != 0 && (status.st_mode & S_ISVTX) == 0)
    return "other users may write to its folder, so that anybody may have put the socket there: choose "
           "another";
  return std::nullopt;
}

std::optional<std::string> distrust_of_peer(int fd, uid_t asker) {
  const auto peer = peer_of(fd);
  if (!peer) return "the system does not tell who listens there";
  if (is_trusted(*peer, asker)) return std::nullopt;
  return fmt::format("another user ({}) listens there: {}", *peer, cure(asker));
}

tl::expected<std::string, std::string> ask_control(const std::string& path, std::string_view request,
                                                   Duration timeout, const ControlAsker& asker) {
  const bool asks_anybody = asker.named && asker.uid == 0;
  if (const auto distrust = distrust_of_place(path, asker.uid); distrust && !asks_anybody)
    return failed(path, *distrust);
  const File connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int fd = connection.get();
  if (fd < 0) return failed(path, std::strerror(errno));
  const TimePoint deadline = monotonic_now() + timeout;
  if (const std::string problem = connect_to(fd, path, timeout); !problem.empty())
    return failed(path, problem);
  if (const auto distrust = distrust_of_peer(fd, asker.uid); distrust && !asks_anybody)
    return failed(path, *distrust);
  const std::string line = std::string(request) + '\n';
  // It is shorter than any socket's buffer: all of it is taken at once.
  if (send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return failed(path, fmt::format("the request cannot be sent: {}", std::strerror(errno)));
  std::string answer;
  std::array<char, 65536> piece{};
  while (wait_until_readable(fd, deadline)) {
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

}  // namespace mptunnel
