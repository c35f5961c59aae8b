#include "mptunnel/host/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "mptunnel/base/file.h"
#include "mptunnel/crypto/key.h"
#include "mptunnel/host/read_file.h"
#include "write_file.h"

namespace mptunnel {
namespace {

constexpr std::string_view kName = "client-secret";
constexpr std::string_view kOfSystem = "/var/lib/mptunnel";
constexpr std::string_view kComment =
    "# By this secret mpserver knows the mpclients of this user that have no key. Keep it to yourself.\n";
constexpr std::size_t kMaxSecretTextBytes = 64;  // base64 of 32 bytes, and the end of its line
constexpr SecretFileWords kWords{
    "state file",
    "secret",
    "remove it, and the next start makes a new one",
    "it should have 32 bytes in base64; remove it, and the next start makes a "
    "new one",
    "it should have one line, the secret",
    false,
    "its owner knows what is in it. Remove it, and the next start makes a new one"};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// The file's name lasts, not only what is in it.
void sync_folder(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const File file(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.is_open()) ::fsync(file.get());
}

/// Gives the file at `beside`, which has this text, the name `path`, unless that is there. Whether there is a
/// file of that name now; as write_all. What file systems without hard links say is EPERM (link(2)).
bool put(const File& file, std::string_view text, const std::string& beside, const std::string& path) {
  if (::link(beside.c_str(), path.c_str()) == 0 || errno == EEXIST) return true;
  const int reason = errno;
  struct stat status {};
  // NFS may lose the answer of a link that it made (open(2), O_EXCL).
  if (::fstat(file.get(), &status) == 0 && status.st_nlink == 2) return true;
  if (reason != EPERM && reason != EOPNOTSUPP) {
    errno = reason;
    return false;
  }
  if (::renameat2(AT_FDCWD, beside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0 || errno == EEXIST)
    return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // Not whole from its first moment on: another program that starts just now may find it wrong, and say so.
  const File own(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!own.is_open()) return errno == EEXIST;
  if (write_all(own, text) && ::fsync(own.get()) == 0) return true;
  const int why = errno;
  ::unlink(path.c_str());
  errno = why;
  return false;
}

/// A new secret under a name that has none yet: written beside, and linked once it is whole. Whoever is
/// first wins. As write_all.
bool make(const std::string& path, RandomSource& random) {
  if (!make_folders(path)) return false;
  std::string beside = path + ".XXXXXX";
  const File file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file.is_open()) return false;
  // With room for all of it: a text that moves leaves a copy behind.
  std::string room;
  room.reserve(kComment.size() + kMaxSecretTextBytes);
  room += kComment;
  room += generate_key(random).text();
  room += '\n';
  const SecretText text(std::move(room));
  const bool is_made =
      write_all(file, text.text()) && ::fsync(file.get()) == 0 && put(file, text.text(), beside, path);
  const int reason = errno;
  ::unlink(beside.c_str());
  sync_folder(path);
  errno = reason;
  return is_made;
}

}  // namespace

StateUser current_state_user() {
  return {.uid = ::geteuid(),
          .state_directory = variable("STATE_DIRECTORY"),
          .state_home = variable("XDG_STATE_HOME"),
          .home = variable("HOME")};
}

std::string default_state_path(const StateUser& user) {
  const auto below = [](std::string_view folder) { return fmt::format("{}/{}", folder, kName); };
  if (user.state_directory.starts_with('/'))
    return below(user.state_directory.substr(0, user.state_directory.find(':')));
  if (user.uid == 0) return below(kOfSystem);
  if (user.state_home.starts_with('/')) return below(user.state_home + "/mptunnel");
  if (user.home.starts_with('/')) return below(user.home + "/.local/state/mptunnel");
  return below(kOfSystem);
}

tl::expected<SecretKey, StateError> keep_secret(const std::string& path, RandomSource& random) {
  struct stat status {};
  const bool is_there = ::lstat(path.c_str(), &status) == 0;
  if (!is_there && !make(path, random)) {
    return tl::make_unexpected(
        StateError{false, fmt::format("{} {} can't be made: {}", kWords.file, path, std::strerror(errno))});
  }
  auto secret = load_secret_file(path, kWords);
  if (!secret) return tl::make_unexpected(StateError{is_there, std::move(secret.error())});
  return *secret;
}

}  // namespace mptunnel
