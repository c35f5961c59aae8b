#include "mptunnel/host/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace mptunnel {
namespace {

/// Digits of the largest process id of Linux (4194304) with room to spare; a longer file is no pid file.
constexpr std::size_t kMaxPidText = 20;
/// How often a file may vanish between being opened and being locked, because its owner ends just then.
constexpr int kAttempts = 100;

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

/// Locks an open file and sees to it that it is ours to write.
tl::expected<void, std::string> claim(int file, const std::string& path) {
  const auto text = short_text(file);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(path, "cannot be locked");
    const std::string pid = text && looks_like_pid(*text) ? text->substr(0, text->find('\n')) : "";
    return tl::make_unexpected(
        fmt::format("pid file {} is held by a running instance{}{}: end it first, or name "
                    "another file",
                    path, pid.empty() ? "" : ", process ", pid));
  }
  if (!text || !looks_like_pid(*text)) {
    return tl::make_unexpected(
        fmt::format("pid file {} exists and is no pid file: it is left alone, name another file", path));
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

}  // namespace

tl::expected<PidFile, std::string> PidFile::create(const std::string& path) {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  if (error) return tl::make_unexpected(fmt::format("pid file {}: {}", path, error.message()));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // No following of links: in a folder that others may write to, one could lead to any file of ours.
    const int file = open(absolute.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                          S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    if (file < 0) return failed(path, "cannot be opened");
    auto claimed = claim(file, path);
    if (claimed && !is_same_file(file, absolute)) {
      close(file);  // its owner removed it while it was opened here: it has no name any more
      continue;
    }
    if (claimed) claimed = write_pid(file, path);
    if (claimed) return PidFile(absolute, file);
    close(file);
    return tl::make_unexpected(std::move(claimed.error()));
  }
  return tl::make_unexpected(fmt::format("pid file {} vanishes again and again", path));
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

PidFile::~PidFile() {
  if (file_ < 0) return;
  if (is_same_file(file_, path_)) unlink(path_.c_str());
  close(file_);
}

}  // namespace mptunnel
