// A file with this process's id, for as long as the process lives. It holds a lock, so that a file that was
// left behind by a killed process is distinguished from that of a living one, whatever process has the old
// number now. Only this user can take that lock, or read the file: nobody else can keep a program from
// starting.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "mptunnel/base/file.h"

namespace mptunnel {

class PidFile {
 public:
  /// Creates the file, or takes over one that nobody holds any more. To be called in the process whose id it
  /// is: after daemonize(). `path` may be relative to the current folder, which may change later. A file that
  /// another user holds open for reading and has locked is replaced. The error is for people: another
  /// instance holds it (with its id), the path leads to a link, a folder or to something that is no pid file
  /// (which is left alone), the file is another user's or open to others' writing, or the system's reason.
  static tl::expected<PidFile, std::string> create(const std::string& path);

  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  PidFile(PidFile&& other) noexcept = default;
  PidFile& operator=(PidFile&& other) noexcept;
  /// Removes the file, unless another one stands in its place by now.
  ~PidFile();

 private:
  PidFile(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;  ///< absolute
  File file_;         ///< holds the lock
};

}  // namespace mptunnel
