// What both programs do around their work: the command line, --check and its kin, the background, the pid
// file, the log, --status.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/apps/command_line.h"
#include "mptunnel/apps/start.h"
#include "mptunnel/control/status.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

/// The work itself. Made, started and run in one process, after any fork.
class App {
 public:
  App() = default;
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  virtual ~App() = default;

  /// Opens what must be open before the program may say that it works. The error is for people.
  virtual tl::expected<void, std::string> start() = 0;
  /// Until SIGTERM or SIGINT.
  virtual void run() = 0;
  /// All but `version` and `config`, which the program around it knows.
  [[nodiscard]] virtual Status status() const = 0;
  virtual Loop& loop() = 0;
};

/// Everything is read and found to be right; nothing is open yet.
struct Prepared {
  StartOptions options;
  std::string version;
  std::uint16_t port = 0;  ///< of the first address to listen on: names the default control socket
  std::string check_text;  ///< what --check prints
  std::function<std::unique_ptr<App>()> make;
};

/// `name` is what syslog knows the program by. Returns the exit code.
int run_program(const std::string& name, const tl::expected<CommandLine, StartError>& line,
                const std::function<tl::expected<Prepared, StartError>(const CommandLine&)>& prepare);

}  // namespace mptunnel
