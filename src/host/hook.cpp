#include "mptunnel/host/hook.h"

#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

namespace mptunnel {
namespace {

constexpr std::chrono::milliseconds kLook{10};

/// How it ended, if that is not well.
std::optional<std::string> failure_of(const std::string& command, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  if (WIFEXITED(status)) return fmt::format("'{}' ended with code {}", command, WEXITSTATUS(status));
  return fmt::format("'{}' was ended by signal {}", command, WTERMSIG(status));
}

/// posix_spawn() wants words that it could write to.
char* word(const std::string& text) {
  return const_cast<char*>(text.c_str());
}

/// Signals as a program finds them, and none blocked.
class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    // In a process group of its own, which is ended as a whole.
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }

  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

}  // namespace

tl::expected<void, std::string> Hooks::run(const std::string& command,
                                           std::span<const std::string> variables) {
  if (running_.size() == kMost) {
    return tl::make_unexpected(
        fmt::format("'{}' is not run: {} commands that were run before have not ended", command, kMost));
  }
  std::vector<char*> environment;
  for (const std::string& variable : variables) environment.push_back(word(variable));
  const auto is_replaced = [&](std::string_view present) {
    return std::any_of(variables.begin(), variables.end(), [&](std::string_view own) {
      return present.starts_with(own.substr(0, own.find('=') + 1));
    });
  };
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!is_replaced(*variable)) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  const std::string shell = "/bin/sh";
  const std::string option = "-c";
  const std::array<char*, 4> words{word(shell), word(option), word(command), nullptr};
  pid_t process = 0;
  const Attributes attributes;
  const int error =
      posix_spawn(&process, shell.c_str(), nullptr, attributes.get(), words.data(), environment.data());
  if (error != 0)
    return tl::make_unexpected(fmt::format("'{}' can't be run: {}", command, std::strerror(error)));
  running_.push_back({process, command});
  return {};
}

std::vector<std::string> Hooks::take_failures() {
  std::vector<std::string> failures;
  std::erase_if(running_, [&](const Running& one) {
    int status = 0;
    const pid_t ended = waitpid(one.process, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) return false;
    if (const auto failure = ended > 0 ? failure_of(one.command, status) : std::nullopt)
      failures.push_back(*failure);
    return true;
  });
  return failures;
}

std::vector<std::string> Hooks::finish(Duration at_most) {
  std::vector<std::string> failures = take_failures();
  const auto add = [&](std::vector<std::string> more) {
    failures.insert(failures.end(), more.begin(), more.end());
  };
  for (Duration waited{}; !running_.empty() && waited < at_most; waited += kLook) {
    poll(nullptr, 0, static_cast<int>(kLook.count()));
    add(take_failures());
  }
  for (const Running& one : running_) {
    kill(-one.process, SIGKILL);
    int status = 0;
    waitpid(one.process, &status, 0);
    failures.push_back(fmt::format("'{}' took too long, and was ended", one.command));
  }
  running_.clear();
  return failures;
}

}  // namespace mptunnel
