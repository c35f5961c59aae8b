#include "mptunnel/host/address_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "mptunnel/base/file.h"
#include "write_file.h"

namespace mptunnel {
namespace {

constexpr std::size_t kMaxKnownNameBytes = 253;  // RFC 1035, section 2.3.4
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
constexpr std::string_view kAddressFileComment =
    "# The addresses at which mpclient's bridges answered last. It uses them while their names do not "
    "resolve.\n";

/// Takes the first word of the line away, and returns it.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlanksOfWords = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlanksOfWords), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanksOfWords));
  line.remove_prefix(word.size());
  return word;
}

bool is_known_name(std::string_view host) {
  return !host.empty() && host.size() <= kMaxKnownNameBytes &&
         host.find_first_not_of(kNameLetters) == std::string_view::npos;
}

/// Nullopt if the line is no name with addresses, at least one of which can be used.
std::optional<KnownName> parse_known_name(std::string_view line) {
  KnownName name{std::string(take_word(line)), {}};
  if (!is_known_name(name.host)) return std::nullopt;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto address = parse_numeric_endpoint(word, 0);
    if (address && !address->is_any() && name.addresses.size() < kMaxKnownAddresses)
      name.addresses.push_back(*address);
  }
  return name.addresses.empty() ? std::nullopt : std::optional(std::move(name));
}

/// Why what is in it may not be what this user or root has written; nullopt if it is.
std::optional<std::string> why_not_trusted(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "it is no regular file";
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return fmt::format("it belongs to another user ({})", status.st_uid);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it (chmod go-w)";
  return std::nullopt;
}

/// Keeps others from writing the file for as long as `lock` is open. False if one does now. A folder that
/// can't be locked is no reason not to write.
bool lock_folder_of(const std::string& path, File& lock) {
  const std::size_t end = path.rfind('/');
  const std::string folder = end == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(end, 1));
  lock = File(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

std::string text_of(const std::vector<KnownName>& names) {
  std::string text(kAddressFileComment);
  for (const KnownName& name : names) {
    if (!is_known_name(name.host)) continue;
    std::string line = name.host;
    for (const Endpoint& address : name.addresses) line += ' ' + address.address_string();
    if (text.size() + line.size() + 1 > kMaxAddressFileBytes) break;
    text += line + '\n';
  }
  return text;
}

}  // namespace

std::string default_address_path(const StateUser& user) {
  const std::string secret = default_state_path(user);
  return secret.substr(0, secret.rfind('/') + 1) + "bridge-addresses";
}

tl::expected<std::vector<KnownName>, std::string> parse_known_names(std::string_view text) {
  std::vector<KnownName> names;
  std::optional<std::size_t> first_wrong;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string_view rest = line;
    if (const std::string_view first = take_word(rest); first.empty() || first.front() == '#') continue;
    auto name = parse_known_name(line);
    if (!name) {
      first_wrong = first_wrong.value_or(number);
      continue;
    }
    const bool is_there = std::any_of(names.begin(), names.end(),
                                      [&name](const KnownName& other) { return other.host == name->host; });
    if (!is_there && names.size() < kMaxKnownNames) names.push_back(std::move(*name));
  }
  // A damaged file still has what is good in it; one without any is somebody else's.
  if (names.empty() && first_wrong)
    return tl::make_unexpected(fmt::format("line {} is no name with addresses", *first_wrong));
  return names;
}

tl::expected<std::vector<KnownName>, std::string> read_address_file(const std::string& path) {
  const auto refuse = [&path](const std::string& why) {
    return tl::make_unexpected(fmt::format("{} is not used: {}", path, why));
  };
  // O_NONBLOCK: a FIFO would wait for a writer.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open() && (errno == ENOENT || errno == ENOTDIR)) return {};
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return refuse(std::strerror(errno));
  if (const auto why = why_not_trusted(status)) return refuse(*why);
  std::string text(kMaxAddressFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse(std::strerror(errno));
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > kMaxAddressFileBytes)
    return refuse(fmt::format("it has more than {} bytes", kMaxAddressFileBytes));
  auto names = parse_known_names(std::string_view(text).substr(0, size));
  return names ? std::move(names) : refuse(names.error());
}

tl::expected<void, AddressFileError> update_address_file(const std::string& path,
                                                         const std::vector<KnownName>& names) {
  const auto fail = [&path] {
    return tl::make_unexpected(
        AddressFileError{fmt::format("{} can't be written: {}", path, std::strerror(errno)), false});
  };
  if (!make_folders(path)) return fail();
  File lock;
  if (!lock_folder_of(path, lock)) {
    const std::string why = fmt::format("{} can't be written: another process has locked its folder", path);
    return tl::make_unexpected(AddressFileError{why, true});
  }
  auto others = read_address_file(path);
  if (!others) return tl::make_unexpected(AddressFileError{others.error(), false});
  std::vector<KnownName> all = names;
  for (KnownName& other : *others) {
    const bool is_ours = std::any_of(names.begin(), names.end(),
                                     [&other](const KnownName& name) { return name.host == other.host; });
    if (!is_ours && all.size() < kMaxKnownNames) all.push_back(std::move(other));
  }
  // Under the lock it can only be what somebody left who was killed.
  const std::string beside = path + ".new";
  if (::unlink(beside.c_str()) != 0 && errno != ENOENT) return fail();
  const File file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.is_open()) return fail();
  if (write_all(file, text_of(all)) && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  auto failed = fail();
  ::unlink(beside.c_str());
  return failed;
}

}  // namespace mptunnel
