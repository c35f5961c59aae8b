// Where lines of the log leave the program: standard error, or the socket of syslog. None ever waits: a
// reader that has stopped must not stop the tunnel. What it is not: formatted; log.cpp does that, and counts
// what was not taken.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "mptunnel/base/file.h"
#include "mptunnel/base/log_level.h"

namespace mptunnel {

/// Of a line, its newline included: PIPE_BUF of Linux, which a pipe takes as a whole or not at all.
inline constexpr std::size_t kMaxLogLineBytes = 4096;

class LogOutlet {
 public:
  LogOutlet() = default;
  LogOutlet(const LogOutlet&) = delete;
  LogOutlet& operator=(const LogOutlet&) = delete;
  virtual ~LogOutlet() = default;

  /// `line` ends in a newline, and has at most kMaxLogLineBytes. Whether it was taken; if not, nothing of it
  /// comes out.
  virtual bool write(LogLevel level, std::string_view line) = 0;
};

/// Lines for a descriptor that other programs may share, a terminal with the shell for one: its flags are
/// theirs, too, so O_NONBLOCK is set on a description of our own, which leads to the same pipe or terminal.
/// If there can be none (no /proc, another user's pipe), the descriptor is asked for room before each line.
/// Regular files and devices take lines at once.
class DescriptorOutlet final : public LogOutlet {
 public:
  /// `fd` may lead elsewhere between two lines; it is never closed.
  explicit DescriptorOutlet(int fd) : fd_(fd) {}
  bool write(LogLevel level, std::string_view line) override;

 private:
  enum class Kind { plain, socket, own, asked };
  /// What `fd_` leads to now.
  void look();
  /// Writes as much as is taken at once; how much, 0 if nothing was.
  std::size_t put(std::string_view text) const;

  int fd_;
  bool is_known_ = false;
  dev_t device_ = 0;  ///< of what `fd_` led to when it was looked at
  ino_t inode_ = 0;
  Kind kind_ = Kind::plain;
  File own_;          ///< Kind::own
  std::string rest_;  ///< of a line that a terminal or stream took the beginning of
};

/// Lines for syslog (facility daemon), each a datagram of RFC 3164 as syslog(3) makes them, which would wait
/// for a syslog daemon that has stopped. One that was started again is found with the next line.
class SyslogOutlet final : public LogOutlet {
 public:
  /// `ident` is what lines are from. `path` is the daemon's socket, which takes datagrams or a stream.
  explicit SyslogOutlet(std::string ident, std::string path = "/dev/log");
  bool write(LogLevel level, std::string_view line) override;

 private:
  /// Connects anew; whether it could.
  bool connect();

  std::string ident_;
  std::string path_;
  File socket_;
  bool is_stream_ = false;
};

}  // namespace mptunnel
