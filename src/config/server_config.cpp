#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mptunnel/config/config.h"
#include "mptunnel/config/statements.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr std::array<std::string_view, 10> kStatements{"listen", "target",  "key-file",  "encrypt",
                                                       "cipher", "offload", "log-level", "resolve-interval",
                                                       "dscp",   "control"};
/// Statements that mpclient alone knows.
constexpr std::array<std::string_view, 4> kOfClient{"client-id", "dev-exclude", "min-paths", "keepalive"};

class ServerParser {
 public:
  ServerParser(std::string_view file_name, const KeyFileCheck& check_key_file)
      : report_(file_name), common_(file_name, check_key_file) {}

  ConfigResult<ServerConfig> parse(std::string_view text) {
    const ConfigLines lines = read_config_lines(text, report_);
    const bool readable = report_.empty();
    for (const ConfigLine& line : lines.lines) read(line);
    config_.listen = listen_.addresses();
    if (!listen_.given() && readable) {
      report_.add(lines.last_number, "there is no 'listen': write 'listen PORT' or 'listen ADDRESS:PORT'");
    }
    if (!target_.given() && readable) {
      report_.add(lines.last_number, "there is no 'target': write 'target HOST:PORT'");
    }
    if (auto loop = loop_error(config_.target, config_.listen, "target"))
      report_.add(target_.line(), std::move(*loop));
    if (!report_.empty()) return tl::make_unexpected(report_.take());
    config_.common = common_.config();
    return std::move(config_);
  }

 private:
  void read(const ConfigLine& line) {
    const std::string_view first = line.words.front();
    if (CommonStatements::knows(first)) return common_.read(line, report_);
    if (first == "listen") return listen_.read(line, report_);
    if (first == "target") return read_target(line);
    report_.add(line.number, explain(line));
  }

  static std::string explain(const ConfigLine& line) {
    const std::string_view first = line.words.front();
    if (std::find(kOfClient.begin(), kOfClient.end(), first) != kOfClient.end())
      return fmt::format("'{}' belongs into mpclient.conf: mpserver has no use for it", first);
    const bool is_bridge = line.words.size() >= 2 && parse_host(first) && parse_port(line.words[1]);
    if (first == "bridge" || is_bridge) {
      return "bridges belong into mpclient.conf: mpserver is given 'listen PORT' and 'target HOST:PORT'";
    }
    std::string reason = explain_unknown_statement(line, kStatements);
    if (!reason.empty()) return reason;
    return fmt::format("{} is not a known statement: write one of {}", quote_word(first),
                       join_words(kStatements, ", "));
  }

  void read_target(const ConfigLine& line) {
    if (!target_.take(line, report_)) return;
    // "target HOST PORT" is what the command line's order leads to.
    if (line.words.size() == 3 && parse_host(line.words[1]) && parse_port(line.words[2])) {
      const HostPort meant{.host = parse_host(line.words[1]).value(),
                           .port = parse_port(line.words[2]).value()};
      report_.add(line.number, fmt::format("'target' takes host and port in one word: write 'target {}'",
                                           to_string(meant)));
      return;
    }
    const auto word = single_argument(line, "target HOST:PORT", report_);
    if (!word) return;
    auto target = parse_host_port(*word);
    if (!target) return report_.add(line.number, target.error());
    config_.target = std::move(*target);
  }

  ConfigReport report_;
  CommonStatements common_;
  ListenStatements listen_{ListenDefault::all};
  SingleStatement target_;
  ServerConfig config_;
};

}  // namespace

ConfigResult<ServerConfig> parse_server_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file) {
  return ServerParser(file_name, check_key_file).parse(text);
}

}  // namespace mptunnel
