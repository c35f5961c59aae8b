#include "mptunnel/host/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "mptunnel/base/file.h"
#include "mptunnel/crypto/key.h"

namespace mptunnel {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 4096;
constexpr std::size_t kPieceBytes = 16384;
constexpr std::string_view kBlanks = " \t\r\n";

std::string reason_of(int error) {
  return std::generic_category().message(error);
}

/// Why the opened file may not be used for a secret, or nothing.
std::optional<std::string> refusal_of(const struct stat& status, const std::string& path,
                                      const SecretFileWords& words) {
  if (!S_ISREG(status.st_mode))
    return fmt::format("is not a regular file: name the file that has the {}", words.secret);
  // Whoever owns it can open it to others, or write another key to it.
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fmt::format(
        "belongs to another user ({}): {}", status.st_uid,
        words.foreign.empty() ? fmt::format("chown {} {}", ::geteuid(), path) : std::string(words.foreign));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return "is open to others than its owner: chmod 600 " + path;
  }
  return std::nullopt;
}

/// Whether somebody wrote to the file between the two.
bool is_changed(const struct stat& before, const struct stat& after) {
  return before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
         before.st_mtim.tv_nsec != after.st_mtim.tv_nsec;
}

/// Reads to the end of the file or of the room. How many bytes there are; the error is the system's (errno).
tl::expected<std::size_t, int> read_all(const File& file, std::span<char> room) {
  std::size_t size = 0;
  while (size < room.size()) {
    const ssize_t got = ::read(file.get(), room.data() + size, room.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::make_unexpected(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return size;
}

/// The lines that are neither empty nor a comment.
std::vector<std::string_view> key_lines(std::string_view rest) {
  std::vector<std::string_view> lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t first = line.find_first_not_of(kBlanks);
    if (first != std::string_view::npos && line[first] != '#') lines.push_back(line);
  }
  return lines;
}

/// The second of two words; the whole line if it has not two.
std::string_view without_name(std::string_view line) {
  const std::size_t first = std::min(line.find_first_not_of(kBlanks), line.size());
  const std::size_t gap = std::min(line.find_first_of(kBlanks, first), line.size());
  const std::size_t second = std::min(line.find_first_not_of(kBlanks, gap), line.size());
  const std::size_t rest = std::min(line.find_first_of(kBlanks, second), line.size());
  const bool has_two =
      second < line.size() && line.find_first_not_of(kBlanks, rest) == std::string_view::npos;
  return has_two ? line.substr(second) : line;
}

tl::unexpected<std::string> unreadable(const std::string& path, const std::string& reason) {
  return tl::unexpected(path + ": cannot be read: " + reason);
}

}  // namespace

tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit_bytes) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return unreadable(path, reason_of(errno));
  std::string content;
  bool is_at_end = false;
  while (!is_at_end && content.size() <= limit_bytes) {
    const std::size_t before = content.size();
    content.resize(std::min(limit_bytes + 1, before + kPieceBytes));  // one too many, as above
    const auto size = read_all(file, std::span(content).subspan(before));
    if (!size) return unreadable(path, reason_of(size.error()));
    is_at_end = before + *size < content.size();
    content.resize(before + *size);
  }
  if (content.size() > limit_bytes)
    return unreadable(path, "it has more than " + std::to_string(limit_bytes) + " bytes");
  return content;
}

tl::expected<SecretKey, std::string> read_secret(std::string_view text, const SecretFileWords& words) {
  const auto lines = key_lines(text);
  if (lines.empty()) return tl::unexpected(fmt::format("has no {} in it: {}", words.secret, words.cure));
  if (lines.size() > 1)
    return tl::unexpected(
        fmt::format("has more than one line that could be the {}: leave one", words.secret));
  auto key = parse_key(words.may_have_name ? without_name(lines.front()) : lines.front());
  if (!key)
    return tl::unexpected(fmt::format("is not right: {}", words.wanted.empty() ? key.error() : words.wanted));
  return key;
}

tl::expected<SecretKey, std::string> load_key_file(const std::string& path) {
  return load_secret_file(path, kKeyFileWords);
}

tl::expected<SecretText, std::string> read_secret_file(const std::string& path, const SecretFileWords& words,
                                                       std::size_t limit_bytes) {
  const auto problem = [&](std::string_view what) {
    return tl::unexpected(fmt::format("{} {} {}", words.file, path, what));
  };
  // The name may be a symbolic link: what counts is the file that is opened. O_NONBLOCK: a FIFO would
  // wait for a writer.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) return problem("can't be opened: " + reason_of(errno));
  struct stat before {};
  if (::fstat(file.get(), &before) != 0) return problem("can't be read: " + reason_of(errno));
  if (const auto refusal = refusal_of(before, path, words)) return problem(*refusal);
  // Room for one too many, so that a file that is too large shows. It is never moved: nothing stays behind.
  std::string room(limit_bytes + 1, '\0');
  const auto size = read_all(file, room);
  room.resize(size.value_or(0));
  SecretText text(std::move(room));
  if (!size) return problem("can't be read: " + reason_of(size.error()));
  if (*size > limit_bytes)
    return problem(fmt::format("is larger than {} bytes: {}", limit_bytes, words.shape));
  struct stat after {};
  if (::fstat(file.get(), &after) != 0) return problem("can't be read: " + reason_of(errno));
  if (is_changed(before, after)) return problem("changed while it was read: try again");
  return text;
}

tl::expected<SecretKey, std::string> load_secret_file(const std::string& path, const SecretFileWords& words) {
  const auto text = read_secret_file(path, words, kMaxKeyFileBytes);
  if (!text) return tl::unexpected(text.error());
  auto key = read_secret(text->text(), words);
  if (!key) return tl::unexpected(fmt::format("{} {} {}", words.file, path, key.error()));
  return *key;
}

}  // namespace mptunnel
