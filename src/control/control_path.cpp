#include "mptunnel/control/control_path.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "mptunnel/net/control_socket.h"

namespace mptunnel {
namespace {

constexpr std::string_view kFolder = "mptunnel";
constexpr std::string_view kSuffix = ".sock";

/// Everybody may make folders in /tmp: ours is one that nobody else can have made or can enter. Says what is
/// wrong; a folder that is missing is fine unless it is to be made.
std::optional<std::string> check_private_folder(const std::string& path, unsigned uid, bool make) {
  if (make && mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    return fmt::format("{} cannot be made: {}", path, std::strerror(errno));
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT && !make) return std::nullopt;
    return fmt::format("{}: {}", path, std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) return fmt::format("{} is no folder: remove it", path);
  if (status.st_uid != uid) return fmt::format("{} belongs to another user, and is not used", path);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fmt::format("{} is open to other users: 'chmod 700 {}'", path, path);
  return std::nullopt;
}

}  // namespace

RuntimeUser current_user() {
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  return {.uid = geteuid(), .runtime_dir = folder == nullptr ? "" : folder};
}

tl::expected<std::string, std::string> control_folder(const RuntimeUser& user, bool make) {
  if (user.uid == 0) return fmt::format("/run/{}", kFolder);
  if (user.runtime_dir.starts_with('/')) return fmt::format("{}/{}", user.runtime_dir, kFolder);
  const std::string parent = fmt::format("{}/mptunnel-{}", user.temporary, user.uid);
  if (auto problem = check_private_folder(parent, user.uid, make)) return tl::make_unexpected(*problem);
  return fmt::format("{}/{}", parent, kFolder);
}

std::string control_socket_name(std::string_view program, std::uint16_t port) {
  return fmt::format("{}-{}{}", program, port, kSuffix);
}

std::vector<std::string> running_instances(const std::string& folder, std::string_view program) {
  std::vector<std::string> found;
  std::error_code failed;
  const std::string prefix = fmt::format("{}-", program);
  for (auto entry = std::filesystem::directory_iterator(folder, failed);
       !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) continue;
    const std::string path = entry->path().string();
    if (control_socket_state(path) == ControlSocketState::alive) found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace mptunnel
