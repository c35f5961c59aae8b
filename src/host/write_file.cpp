#include "write_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mptunnel {

bool write_all(const File& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST) continue;
    const int reason = errno;
    struct stat status {};
    // A file system that can't be written may say so of a folder that is there.
    if (::stat(folder.c_str(), &status) == 0) continue;
    errno = reason;
    return false;
  }
  return true;
}

}  // namespace mptunnel
