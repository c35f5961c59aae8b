#include "mptunnel/host/log_outlet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace mptunnel {
namespace {

/// In the order of LogLevel.
constexpr std::array<int, 4> kSyslogLevels{LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

/// RFC 3164, section 4.1.2.
std::string syslog_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%b %e %T", &local)};
}

/// Repeats a call that a signal interrupts.
template <typename Call>
ssize_t uninterrupted(Call call) {
  ssize_t count = -1;
  do {
    count = call();
  } while (count < 0 && errno == EINTR);
  return count;
}

}  // namespace

void DescriptorOutlet::look() {
  struct stat now {};
  if (fstat(fd_, &now) != 0) now = {};
  if (is_known_ && now.st_dev == device_ && now.st_ino == inode_) return;
  is_known_ = true;
  device_ = now.st_dev;
  inode_ = now.st_ino;
  rest_.clear();
  own_ = File();
  if (S_ISSOCK(now.st_mode)) {
    kind_ = Kind::socket;
  } else if (S_ISFIFO(now.st_mode) || (S_ISCHR(now.st_mode) && isatty(fd_) == 1)) {
    own_ = File(
        open(fmt::format("/proc/self/fd/{}", fd_).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    kind_ = own_.is_open() ? Kind::own : Kind::asked;
  } else {
    kind_ = Kind::plain;
  }
}

std::size_t DescriptorOutlet::put(std::string_view text) const {
  if (kind_ == Kind::asked) {
    pollfd asked{fd_, POLLOUT, 0};
    if (poll(&asked, 1, 0) != 1 || (asked.revents & POLLOUT) == 0) return 0;
  }
  const int fd = kind_ == Kind::own ? own_.get() : fd_;
  const ssize_t count = uninterrupted([&] {
    return kind_ == Kind::socket ? send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : ::write(fd, text.data(), text.size());
  });
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool DescriptorOutlet::write(LogLevel /*level*/, std::string_view line) {
  look();
  if (!rest_.empty()) rest_.erase(0, put(rest_));
  if (!rest_.empty()) return false;
  const std::size_t taken = put(line);
  if (taken > 0) rest_ = line.substr(taken);
  return taken > 0;
}

SyslogOutlet::SyslogOutlet(std::string ident, std::string path)
    : ident_(std::move(ident)), path_(std::move(path)) {}

bool SyslogOutlet::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  for (const bool is_stream : {false, true}) {
    const int type = is_stream ? SOCK_STREAM : SOCK_DGRAM;
    socket_ = File(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    is_stream_ = is_stream;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return true;
    if (errno != EPROTOTYPE) break;
  }
  socket_ = File();
  return false;
}

bool SyslogOutlet::write(LogLevel level, std::string_view line) {
  line.remove_suffix(line.ends_with('\n') ? 1 : 0);
  std::string text =
      fmt::format("<{}>{} {}[{}]: {}", LOG_DAEMON | kSyslogLevels.at(static_cast<std::size_t>(level)),
                  syslog_time(), ident_, getpid(), line);
  // One that was there and has gone (ECONNREFUSED, ENOTCONN, EPIPE) may be there again.
  for (const bool is_new : {false, true}) {
    if ((is_new || !socket_.is_open()) && !connect()) return false;
    // In a stream each ends in a zero, as syslog(3) has it.
    if (is_stream_) text.push_back('\0');
    const ssize_t count =
        uninterrupted([&] { return send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); });
    if (count == static_cast<ssize_t>(text.size())) return true;
    if (is_stream_) text.pop_back();
    // The rest of a line that a stream took a part of would stand before the next.
    if (count > 0) socket_ = File();
    if (count > 0 || errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS) return false;
  }
  return false;
}

}  // namespace mptunnel
