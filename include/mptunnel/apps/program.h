// What both programs do around their work: the command line, --check and its kin, the background, the pid
// file, the log, --status.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/apps/command_line.h"
#include "mptunnel/apps/start.h"
#include "mptunnel/base/log_level.h"
#include "mptunnel/control/status.h"
#include "mptunnel/crypto/system_random.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/server_engine.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/ports/limited_log.h"
#include "mptunnel/ports/port_context.h"
#include "mptunnel/ports/run_sender.h"
#include "mptunnel/ports/tun_interface.h"

namespace mptunnel {

/// The work itself. Made, started and run in one process, after any fork.
class App {
 public:
  explicit App(const SocketTuning& tuning);
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  virtual ~App() = default;

  /// Opens what must be open before the program may say that it works. The error is for people.
  virtual tl::expected<void, std::string> start() = 0;
  /// Until SIGTERM or SIGINT; then the other end is notified.
  void run() { ports_.loop().run(); }
  /// Reads again what can be read again while it works. What was read, or what is wrong and leaves all as it
  /// was, in lines for people; the log has them too, but for what is asked for all the time. SIGHUP calls it.
  tl::expected<std::string, std::string> reload();
  /// All but `version` and `config`, which the program around it knows.
  [[nodiscard]] virtual Status status() const = 0;
  Loop& loop() { return ports_.loop(); }

 protected:
  struct Reading {
    LogLevel level = LogLevel::info;  ///< of what is wrong, warning or error
    std::string text;
  };
  /// reload(), without a word in the log.
  virtual Reading read_again();
  /// The time that the engine asked for.
  virtual void on_deadline() = 0;
  virtual void on_stop() = 0;
  /// The device has packets: a wake-up's share of them goes to the engine. `flush(now)` carries out what that
  /// wants.
  template <typename Engine, typename Flush>
  void read_device(TunInterface& device, Engine& engine, Flush flush) {
    const TimePoint now = monotonic_now();
    device.read(
        [&](DatagramBatch packets, const InnerFlow& flow) {
          engine.on_tun(packets, flow, out_, now);
          if (out_.arena.size() >= kFlushBytes) flush(now);
        },
        now);
    flush(now);
  }

  const TimePoint started_;
  SystemPorts ports_;
  SystemRandom random_;
  Output out_;
  ReceiveBuffers buffers_;
  Timer timer_;

 private:
  SignalWatcher on_term_;
  SignalWatcher on_int_;
  SignalWatcher on_hup_;
  LimitedLog readings_;
};

/// The device for IP packets that `config` wants; null if it wants none. `routes` lead into it; `mark` is
/// that of the tunnel's own packets. The rest is as TunInterface() has it.
std::unique_ptr<TunInterface> make_tun(const CommonConfig& config, const std::vector<Prefix>& routes,
                                       std::uint32_t mark, const PortContext& context, RandomSource& random,
                                       LoopCallback on_readable,
                                       std::function<std::optional<std::size_t>()> fitting);

/// Joins the client's engine to the loop and its sockets: client_app.cpp. `address_path` is where the
/// addresses of bridges are kept; empty: nowhere.
std::unique_ptr<App> make_client_app(const ClientConfig& config, const ClientSettings& settings,
                                     const std::string& address_path, const SocketTuning& tuning);
/// And the server's: server_app.cpp. `files` is where to read the keys again.
std::unique_ptr<App> make_server_app(const ServerConfig& config, const ServerSettings& settings,
                                     const KeyFiles& files, const SocketTuning& tuning);

/// Everything is read and found to be right; nothing is open yet.
struct Prepared {
  StartOptions options;
  std::uint16_t port = 0;  ///< of the first address to listen on: names the default control socket
  std::string check_text;  ///< what --check prints
  /// To be called once, after any fork, while messages still reach the terminal. The error is for people.
  std::function<tl::expected<std::unique_ptr<App>, std::string>()> make;
};

/// `version` is what --version and the status say. Returns the exit code.
int run_program(Program program, int argc, const char* const* argv, const std::string& version,
                const std::function<tl::expected<Prepared, StartError>(const CommandLine&)>& prepare);

}  // namespace mptunnel
