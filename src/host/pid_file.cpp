#include "mptunnel/host/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

namespace mptunnel {
namespace {

/// Digits of the largest process id of Linux (4194304) with room to spare; a longer file is no pid file.
constexpr std::size_t kMaxPidText = 20;
/// How often a file may vanish or change hands between being opened and being locked, because its owner ends
/// just then, or another instance starts.
constexpr int kAttempts = 100;
constexpr auto kPause = std::chrono::milliseconds(1);
constexpr mode_t kOwnersAlone = S_IRUSR | S_IWUSR;

bool is_same_file(int file, const std::string& path) {
  struct stat ours {};
  struct stat named {};
  return fstat(file, &ours) == 0 && lstat(path.c_str(), &named) == 0 && ours.st_dev == named.st_dev &&
         ours.st_ino == named.st_ino;
}

/// The file's text; nullopt if it is longer than a pid file can be, or no regular file.
std::optional<std::string> short_text(int file) {
  struct stat status {};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::array<char, kMaxPidText + 1> text{};
  const ssize_t count = pread(file, text.data(), text.size(), 0);
  if (count < 0 || static_cast<std::size_t>(count) > kMaxPidText) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(count));
}

bool looks_like_pid(const std::string& text) {
  return text.find_first_not_of("0123456789\n ") == std::string::npos;
}

tl::unexpected<std::string> failed(const std::string& path, const char* what) {
  return tl::make_unexpected(fmt::format("pid file {} {}: {}", path, what, std::strerror(errno)));
}

enum class Holder : std::uint8_t {
  nobody,
  ourselves,
  instance,
  stranger,  ///< a lock for reading, which no instance takes, and anybody who may open the file can
};

/// Locks the file for this process, or finds out who else has. The lock is one for writing, which only those
/// get who may write to the file, unlike flock(2). It ends with its descriptor, and a killed process's with
/// that process. nullopt: the system's reason is in errno.
std::optional<Holder> lock(int file) {
  struct flock request {};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  if (fcntl(file, F_OFD_SETLK, &request) == 0) return Holder::ourselves;
  if (errno != EAGAIN && errno != EACCES) return std::nullopt;
  if (fcntl(file, F_OFD_GETLK, &request) != 0) return std::nullopt;
  if (request.l_type == F_UNLCK) return Holder::nobody;
  return request.l_type == F_WRLCK ? Holder::instance : Holder::stranger;
}

tl::unexpected<std::string> is_held(int file, const std::string& path) {
  const auto text = short_text(file);
  const std::string pid = text && looks_like_pid(*text) ? text->substr(0, text->find('\n')) : "";
  return tl::make_unexpected(
      fmt::format("pid file {} is held by a running instance{}{}: end it first, or name "
                  "another file",
                  path, pid.empty() ? "" : ", process ", pid));
}

/// Whether a file that was found may be taken over: a pid file, which no other user can write to.
tl::expected<void, std::string> check_ours(int file, const std::string& path) {
  struct stat status {};
  if (fstat(file, &status) != 0) return failed(path, "cannot be read");
  const auto text = short_text(file);
  if (!text || !looks_like_pid(*text)) {
    return tl::make_unexpected(
        fmt::format("pid file {} exists and is no pid file: it is left alone, name another file", path));
  }
  if (status.st_uid != geteuid()) {
    return tl::make_unexpected(
        fmt::format("pid file {} belongs to another user: remove it, or name another file", path));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return tl::make_unexpected(
        fmt::format("pid file {} may be written by other users: remove it, or name another file", path));
  }
  return {};
}

tl::expected<void, std::string> write_pid(int file, const std::string& path) {
  const std::string text = std::to_string(getpid()) + "\n";
  if (ftruncate(file, 0) != 0) return failed(path, "cannot be written");
  const ssize_t count = pwrite(file, text.data(), text.size(), 0);
  if (count < 0) return failed(path, "cannot be written");
  if (static_cast<std::size_t>(count) != text.size()) {
    return tl::make_unexpected(fmt::format("pid file {} cannot be written", path));
  }
  return {};
}

/// Exchanges `fresh`, which this process has locked, for the file at `path`, unless an instance has got the
/// lock of that one, `stale`, after all. Whether that was done; the error is the system's (errno).
tl::expected<bool, int> exchange(const std::string& fresh, const std::string& path, int stale) {
  const auto swap = [&] {
    return renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0;
  };
  if (!swap()) return tl::make_unexpected(errno);
  // An instance that locks it from now on finds that it has lost its name.
  const auto holder = lock(stale);
  if (is_same_file(stale, fresh) && holder && *holder != Holder::instance) return true;
  swap();
  return false;
}

File open_own(const std::string& path) {
  // No following of links: in a folder that others may write to, one could lead to any file of ours.
  return File(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kOwnersAlone));
}

/// Puts a file of ours, locked, in the place of `stale`, which a stranger holds. Gives the new file, or none
/// if something has changed meanwhile: look again. The new file has a name that all instances use, and only
/// the one that has its lock goes on.
tl::expected<File, std::string> replace(int stale, const std::string& path) {
  const std::string fresh = path + ".new";
  File file = open_own(fresh);
  if (!file.is_open()) return failed(path, "cannot be replaced");
  if (const auto ours = check_ours(file.get(), fresh); !ours) return tl::make_unexpected(ours.error());
  const bool is_ours_to_do = lock(file.get()) == Holder::ourselves && is_same_file(file.get(), fresh) &&
                             !is_same_file(stale, fresh) && is_same_file(stale, path);
  if (!is_ours_to_do) return File();
  const auto is_done = exchange(fresh, path, stale);
  unlink(fresh.c_str());
  if (is_done && *is_done) return file;
  if (is_done || is_done.error() == ENOENT) return File();
  errno = is_done.error();
  return failed(path, "cannot be replaced");
}

/// Opens, checks and locks the file. None if it vanished or changed hands meanwhile.
tl::expected<File, std::string> take(const std::string& path) {
  File file = open_own(path);
  if (!file.is_open()) return failed(path, "cannot be opened");
  if (const auto ours = check_ours(file.get(), path); !ours) return tl::make_unexpected(ours.error());
  const auto holder = lock(file.get());
  if (!holder) return failed(path, "cannot be locked");
  if (*holder == Holder::instance) return is_held(file.get(), path);
  if (*holder == Holder::stranger) return replace(file.get(), path);
  if (*holder == Holder::nobody || !is_same_file(file.get(), path)) return File();
  // One that an earlier version made, or the user, may be open to readers, who can lock what they read.
  if (fchmod(file.get(), kOwnersAlone) != 0) return failed(path, "cannot be written");
  return file;
}

}  // namespace

tl::expected<PidFile, std::string> PidFile::create(const std::string& path) {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  if (error) return tl::make_unexpected(fmt::format("pid file {}: {}", path, error.message()));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto file = take(absolute);
    if (!file) return tl::make_unexpected(std::move(file.error()));
    if (!file->is_open()) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    if (auto written = write_pid(file->get(), path); !written)
      return tl::make_unexpected(std::move(written.error()));
    return PidFile(absolute, std::move(*file));
  }
  return tl::make_unexpected(fmt::format("pid file {} vanishes again and again", path));
}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

PidFile::~PidFile() {
  if (file_.is_open() && is_same_file(file_.get(), path_)) unlink(path_.c_str());
}

}  // namespace mptunnel
