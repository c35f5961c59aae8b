// Commands of the user that are run when something happens: by /bin/sh, beside the program, which does not
// wait for them unless it ends.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/time.h"

namespace mptunnel {

class Hooks {
 public:
  /// What runs at the same time; one more is an error.
  static constexpr std::size_t kMost = 8;

  Hooks() = default;
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;
  /// What still runs goes on without us.
  ~Hooks() = default;

  /// Starts `command` with this process's environment and "NAME=VALUE" each of `variables`, and with the
  /// signals as a program finds them. The error is for people.
  tl::expected<void, std::string> run(const std::string& command, std::span<const std::string> variables);
  /// What has ended since the last call, and not well: a sentence for each.
  std::vector<std::string> take_failures();
  [[nodiscard]] bool empty() const { return running_.empty(); }
  /// Waits until nothing runs any more, but no longer than this; what runs then is killed, and a failure.
  std::vector<std::string> finish(Duration at_most);

 private:
  struct Running {
    pid_t process = 0;
    std::string command;
  };

  std::vector<Running> running_;
};

}  // namespace mptunnel
