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
#include "mptunnel/base/odd_blank.h"
#include "mptunnel/crypto/key.h"

namespace mptunnel {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 4096;
constexpr std::size_t kPieceBytes = 16384;
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kKeyTextBytes = 44;  // 32 bytes in base64

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
  // An ACL's mask stands where the group's rights do (acl(5)): it may say no more than the group.
  const mode_t foreign = words.may_be_of_group ? S_IRWXO | S_IWGRP | S_IXGRP : S_IRWXO | S_IRWXG;
  if ((status.st_mode & foreign) != 0) return "is open to others than its owner: chmod 600 " + path;
  return std::nullopt;
}

bool is_own_group(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
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

/// What is wrong with lines that an editor, or whoever knows other files, may have made; nullopt if nothing
/// is. A key may begin with slashes, but no word of it is shorter.
std::optional<std::string> foreign_line(const std::vector<std::string_view>& lines) {
  for (const std::string_view line : lines) {
    if (const auto blank = find_odd_blank(line))
      return fmt::format("has {} in a line: write plain blanks, or none", blank->name);
    const std::size_t first = line.find_first_not_of(kBlanks);
    const std::string_view word = line.substr(first, line.find_first_of(kBlanks, first) - first);
    const bool is_slashes = word.starts_with("//") && word.size() < kKeyTextBytes;
    if (word.front() != ';' && !is_slashes) continue;
    return fmt::format("has a line that begins with '{}', which is no comment here: write '#' instead",
                       is_slashes ? "//" : ";");
  }
  return std::nullopt;
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

std::string credential_path(const std::string& name, const std::string& directory) {
  if (!directory.starts_with('/')) return name;
  for (const std::string_view variable : {"$CREDENTIALS_DIRECTORY/", "${CREDENTIALS_DIRECTORY}/"}) {
    if (name.starts_with(variable)) return fmt::format("{}/{}", directory, name.substr(variable.size()));
  }
  if (name.empty() || name.find('/') != std::string::npos) return name;
  std::string below = fmt::format("{}/{}", directory, name);
  return ::access(below.c_str(), F_OK) == 0 ? below : name;
}

tl::expected<SecretKey, std::string> read_secret(std::string_view text, const SecretFileWords& words) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const auto lines = key_lines(text);
  if (auto foreign = foreign_line(lines)) return tl::unexpected(std::move(*foreign));
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

std::optional<std::string> secret_file_warning(const std::string& path, const SecretFileWords& words) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IRGRP) == 0) return std::nullopt;
  if (status.st_uid != ::geteuid() || is_own_group(status.st_gid)) return std::nullopt;
  return fmt::format(
      "{} {} can be read by group {}, which this user is not in: if that is not meant, chmod 600 {}",
      words.file, path, status.st_gid, path);
}

tl::expected<SecretKey, std::string> load_secret_file(const std::string& path, const SecretFileWords& words) {
  const auto text = read_secret_file(path, words, kMaxKeyFileBytes);
  if (!text) return tl::unexpected(text.error());
  auto key = read_secret(text->text(), words);
  if (!key) return tl::unexpected(fmt::format("{} {} {}", words.file, path, key.error()));
  return *key;
}

}  // namespace mptunnel
