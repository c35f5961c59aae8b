#include "mptunnel/net/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "mptunnel/base/assert.h"
#include "unix_socket.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// Connections that wait to be accepted, one in each turn of the loop.
constexpr int kBacklog = 16;
/// Stands for a user whom the system does not tell.
constexpr uid_t kNobody = static_cast<uid_t>(-1);
/// How long to leave the waiting ones alone when there is no descriptor for them.
constexpr Duration kRetryAfter = 1s;
/// How long another instance may hold the folder while it opens its socket.
constexpr Duration kLockPatience = 1s;

tl::unexpected<std::string> refused(const std::string& path, std::string_view why) {
  return tl::make_unexpected(fmt::format("control socket {}: {}", path, why));
}

std::string bad_length(const std::string& path) {
  if (path.empty()) return "a path is needed";
  return fmt::format("its path has {} bytes, and a socket's has {} at most: name a shorter one", path.size(),
                     sizeof(sockaddr_un{}.sun_path) - 1);
}

/// Keeps other instances from judging and replacing the same socket at the same time. Best effort: in a
/// folder that everybody may lock, nobody can keep us from starting.
void lock_folder(const File& folder) {
  const TimePoint end = monotonic_now() + kLockPatience;
  while (flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && monotonic_now() < end)
    std::this_thread::sleep_for(5ms);
}

/// Why `path` cannot be used; nullopt if it is free now.
std::optional<std::string> clear_place(const std::string& path) {
  switch (control_socket_state(path)) {
    case ControlSocketState::missing:
      return std::nullopt;
    case ControlSocketState::stale:
      if (unlink(path.c_str()) == 0 || errno == ENOENT) return std::nullopt;
      return fmt::format("a former instance left it behind, and it cannot be removed: {}",
                         std::strerror(errno));
    case ControlSocketState::alive:
      return "a running instance has it: end that one first, or name another file";
    case ControlSocketState::foreign:
      return "something that is no control socket has this name: it is left alone, name another file";
    case ControlSocketState::unusable:
      break;
  }
  return std::strerror(errno);
}

}  // namespace

ControlSocketState control_socket_state(const std::string& path) {
  const auto address = address_of(path);
  if (!address) {
    errno = ENAMETOOLONG;
    return ControlSocketState::unusable;
  }
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0)
    return errno == ENOENT ? ControlSocketState::missing : ControlSocketState::unusable;
  if (!S_ISSOCK(status.st_mode)) return ControlSocketState::foreign;
  const File probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) return ControlSocketState::unusable;
  // EAGAIN: so many wait there that there is no room for one more.
  if (connect(probe.get(), generic(*address), sizeof(*address)) == 0 || errno == EAGAIN)
    return ControlSocketState::alive;
  if (errno == ECONNREFUSED) return ControlSocketState::stale;
  if (errno == ENOENT) return ControlSocketState::missing;
  return errno == EPROTOTYPE ? ControlSocketState::foreign : ControlSocketState::unusable;
}

std::size_t yielding_claim(std::span<const ControlClaim> claims, uid_t newcomer) {
  MPT_ASSERT(!claims.empty());
  const auto held_by = [&](uid_t uid) {
    return std::count_if(claims.begin(), claims.end(),
                         [uid](const auto& claim) { return claim.uid == uid; }) +
           (uid == newcomer ? 1 : 0);
  };
  // The first is the least: more held, then not asked, then longer ago.
  const auto rank = [&](const ControlClaim& claim) {
    return std::tuple(-held_by(claim.uid), claim.has_asked, claim.since);
  };
  const auto first = std::min_element(claims.begin(), claims.end(), [&](const auto& one, const auto& other) {
    return rank(one) < rank(other);
  });
  return static_cast<std::size_t>(first - claims.begin());
}

struct ControlServer::Connection {
  Connection(Loop& loop, int its_fd, uid_t uid, LoopCallback on_late)
      : fd(its_fd), accepted(monotonic_now()), claim{uid, false, accepted}, timer(loop, std::move(on_late)) {
    timer.set(accepted + kControlRequestPatience);
  }

  File fd;
  const TimePoint accepted;
  ControlClaim claim;
  Timer timer;
  std::string request;
  std::string answer;
  std::size_t sent = 0;
  std::unique_ptr<ReadWatcher> reader;  ///< until the request is there
  std::unique_ptr<WriteWatcher> writer;
};

ControlServer::ControlServer(Loop& loop, Handler handler)
    : loop_(loop), handler_(std::move(handler)), retry_(loop, [this] { watcher_->resume(); }) {}

ControlServer::~ControlServer() {
  connections_.clear();
  watcher_.reset();
  if (!listener_.is_open()) return;
  // As long as the socket is open the system gives our file's number to no other.
  struct stat named {};
  if (lstat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_)
    unlink(path_.c_str());
}

tl::expected<void, std::string> ControlServer::open(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return refused(path, bad_length(path));
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  if (failed) return refused(path, failed.message());
  const std::string folder = absolute.parent_path().string();
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return refused(path, fmt::format("its folder cannot be made: {}", std::strerror(errno)));
  const File lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.is_open()) lock_folder(lock);
  if (const auto problem = clear_place(path)) return refused(path, *problem);

  File listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The file is made with the mode that the socket has by then, so that it is never open to others (Linux,
  // unix_bind()).
  struct stat named {};
  if (!listener.is_open() || fchmod(listener.get(), S_IRUSR | S_IWUSR) != 0 ||
      bind(listener.get(), generic(*address), sizeof(*address)) != 0)
    return refused(path, std::strerror(errno));
  if (listen(listener.get(), kBacklog) != 0 || lstat(path.c_str(), &named) != 0) {
    const int error = errno;
    unlink(path.c_str());
    return refused(path, std::strerror(error));
  }
  listener_ = std::move(listener);
  path_ = absolute.string();
  device_ = named.st_dev;
  inode_ = named.st_ino;
  watcher_ = std::make_unique<ReadWatcher>(loop_, listener_.get(), [this] { on_connect(); });
  return {};
}

void ControlServer::on_connect() {
  const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    // No descriptor or no memory: the connection stays in the queue, and would be reported without a pause.
    watcher_->pause();
    retry_.set(monotonic_now() + kRetryAfter);
    return;
  }
  const uid_t peer = peer_of(fd).value_or(kNobody);
  make_room(peer);
  const Place place = connections_.insert(connections_.end(), nullptr);
  *place = std::make_unique<Connection>(loop_, fd, peer, [this, place] { end(place); });
  (*place)->reader = std::make_unique<ReadWatcher>(loop_, fd, [this, place] { on_request(place); });
}

void ControlServer::make_room(uid_t newcomer) {
  if (connections_.size() < kMaxControlConnections) return;
  std::vector<ControlClaim> claims;
  for (const auto& connection : connections_) claims.push_back(connection->claim);
  end(std::next(connections_.begin(), static_cast<std::ptrdiff_t>(yielding_claim(claims, newcomer))));
}

void ControlServer::on_request(Place place) {
  Connection& connection = **place;
  std::array<char, kMaxControlRequestBytes + 1> piece{};
  const ssize_t count = recv(connection.fd.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return end(place);
  connection.request.append(piece.data(), static_cast<std::size_t>(count));
  const std::size_t newline = connection.request.find('\n');
  if (std::min(newline, connection.request.size()) > kMaxControlRequestBytes) {
    return answer(place,
                  fmt::format("error: a request is one line of at most {} bytes\n", kMaxControlRequestBytes));
  }
  if (newline == std::string::npos) return;
  connection.request.resize(newline);
  answer(place, handler_(connection.request));
}

void ControlServer::answer(Place place, const std::string& text) {
  Connection& connection = **place;
  connection.answer = text;
  connection.claim.has_asked = true;
  connection.claim.since = monotonic_now();
  connection.timer.set(connection.accepted + kControlConnectionLife);
  connection.reader.reset();
  connection.writer =
      std::make_unique<WriteWatcher>(loop_, connection.fd.get(), [this, place] { on_writable(place); });
}

void ControlServer::on_writable(Place place) {
  Connection& connection = **place;
  const std::string_view rest = std::string_view(connection.answer).substr(connection.sent);
  const ssize_t count = send(connection.fd.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count < 0) return end(place);
  connection.sent += static_cast<std::size_t>(count);
  connection.claim.since = monotonic_now();
  if (connection.sent == connection.answer.size()) end(place);
}

void ControlServer::end(Place place) {
  connections_.erase(place);
}

}  // namespace mptunnel
