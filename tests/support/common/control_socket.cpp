#include "support/common/control_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace mptunnel::test {
namespace {

constexpr std::size_t kMaxCommandBytes = 65536;

std::optional<sockaddr_un> to_unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

tl::expected<ControlSocket, std::string> ControlSocket::open(const std::string& path) {
  const auto address = to_unix_address(path);
  if (!address) return tl::unexpected(fmt::format("{}: a socket's path has 1 to 107 bytes", path));
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return tl::unexpected(system_error("socket", errno));
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return tl::unexpected(system_error(path, errno));
  }
  return ControlSocket(std::move(fd), path);
}

ControlSocket::~ControlSocket() {
  if (fd_.is_open()) unlink(path_.c_str());
}

void ControlSocket::serve(const Answer& answer) {
  std::vector<char> text(kMaxCommandBytes);
  while (true) {
    sockaddr_un sender{};
    socklen_t length = sizeof sender;
    const ssize_t count =
        recvfrom(fd_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&sender), &length);
    if (count < 0) return;
    const bool can_answer = length > sizeof(sa_family_t);
    const std::string reply = answer({text.data(), static_cast<std::size_t>(count)}, can_answer);
    if (!can_answer) continue;
    sendto(fd_.get(), reply.data(), reply.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&sender),
           length);
  }
}

tl::expected<std::string, std::string> ask_control_socket(const std::string& path, std::string_view text,
                                                          Duration timeout) {
  const auto address = to_unix_address(path);
  if (!address) return tl::unexpected(fmt::format("{}: a socket's path has 1 to 107 bytes", path));
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return tl::unexpected(system_error("socket", errno));
  // Binding to a family alone makes Linux pick a free abstract name, so that there is where to answer to
  // (unix(7)).
  const sa_family_t family = AF_UNIX;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&family), sizeof family) != 0 ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) {
    return tl::unexpected(system_error(path, errno));
  }
  pollfd wait{.fd = fd.get(), .events = POLLIN, .revents = 0};
  const auto milliseconds_left = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  if (poll(&wait, 1, static_cast<int>(milliseconds_left)) != 1)
    return tl::unexpected(fmt::format("{}: no answer", path));
  std::string reply(kMaxCommandBytes, '\0');
  const ssize_t count = recv(fd.get(), reply.data(), reply.size(), 0);
  if (count < 0) return tl::unexpected(system_error(path, errno));
  reply.resize(static_cast<std::size_t>(count));
  return reply;
}

}  // namespace mptunnel::test
