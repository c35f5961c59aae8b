#include "mptunnel/host/address_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

/// One without addresses, if the line is no name with some.
KnownName parse_known_name(std::string_view line) {
  KnownName name{std::string(take_word(line)), {}};
  const bool is_name = !name.host.empty() && name.host.size() <= kMaxKnownNameBytes &&
                       name.host.find_first_not_of(kNameLetters) == std::string::npos;
  while (is_name && name.addresses.size() < kMaxKnownAddresses) {
    const std::string_view word = take_word(line);
    if (word.empty()) break;
    const auto address = parse_numeric_endpoint(word, 0);
    if (address && !address->is_any()) name.addresses.push_back(*address);
  }
  return name;
}

/// Whether nobody but this user and root can have written what is in it.
bool is_trusted(const struct stat& status) {
  return S_ISREG(status.st_mode) && (status.st_uid == 0 || status.st_uid == ::geteuid()) &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string text_of(const std::vector<KnownName>& names) {
  std::string text(kAddressFileComment);
  for (const KnownName& name : names) {
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

std::vector<KnownName> parse_known_names(std::string_view text) {
  std::vector<KnownName> names;
  while (!text.empty() && names.size() < kMaxKnownNames) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    KnownName name = parse_known_name(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool is_there = std::any_of(names.begin(), names.end(),
                                      [&name](const KnownName& other) { return other.host == name.host; });
    if (!name.addresses.empty() && !is_there) names.push_back(std::move(name));
  }
  return names;
}

std::vector<KnownName> read_address_file(const std::string& path) {
  // O_NONBLOCK: a FIFO would wait for a writer.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !is_trusted(status)) return {};
  std::string text(kMaxAddressFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > kMaxAddressFileBytes) return {};
  return parse_known_names(std::string_view(text).substr(0, size));
}

tl::expected<void, std::string> update_address_file(const std::string& path,
                                                    const std::vector<KnownName>& names) {
  std::vector<KnownName> all = names;
  for (KnownName& other : read_address_file(path)) {
    const bool is_ours = std::any_of(names.begin(), names.end(),
                                     [&other](const KnownName& name) { return name.host == other.host; });
    if (!is_ours && all.size() < kMaxKnownNames) all.push_back(std::move(other));
  }
  std::string beside = path + ".XXXXXX";
  const auto fail = [&path] {
    return tl::make_unexpected(fmt::format("{} can't be written: {}", path, std::strerror(errno)));
  };
  if (!make_folders(path)) return fail();
  const File file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file.is_open()) return fail();
  if (write_all(file, text_of(all)) && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  auto failed = fail();
  ::unlink(beside.c_str());
  return failed;
}

}  // namespace mptunnel
