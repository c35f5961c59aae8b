#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "mptunnel/base/shortened.h"
#include "mptunnel/control/render.h"
#include "mptunnel/control/status_format.h"
#include "mptunnel/wire/path_limits.h"

namespace mptunnel {
namespace {

constexpr std::size_t kTerminalColumns = 80;
/// In the wide table, as mpserver has them; in the other the names have what is left.
constexpr std::size_t kLongestName = kMaxNameBytes;
constexpr std::size_t kShortestName = 10;
/// Behind the words that lines begin with, and of lines that belong to one above.
constexpr std::size_t kLabelColumns = 10;
constexpr std::size_t kProblemColumns = 4;

/// What a cell shows of: a path, and the datagrams that all paths together won.
struct Cell {
  const PathStatus& path;
  std::uint64_t wins;
  bool is_wide;
};

/// What passes both ways; in the wide table each way, where they differ.
std::string mtu_text(const Cell& cell) {
  const auto& [out, in] = std::pair(cell.path.mtu_out, cell.path.mtu_in);
  const auto one = [](const std::optional<std::uint64_t>& mtu) {
    return mtu ? fmt::format("{}", *mtu) : "-";
  };
  if (out == in) return one(out);
  if (cell.is_wide) return fmt::format("{}/{}", one(out), one(in));
  return one(out && in ? std::min(out, in) : out ? out : in);
}

std::string share_text(const Cell& cell) {
  if (cell.wins == 0) return format_fraction(std::nullopt);
  return format_fraction(static_cast<double>(cell.path.in.first) / static_cast<double>(cell.wins));
}

/// That a path is held or rests is told as long as nothing worse is.
std::string state_text(const PathStatus& path) {
  if (path.held && path.state == PathState::up) return "held";
  return path.standby && path.state == PathState::up ? "standby" : name_of(path.state);
}

struct Column {
  const char* heading;
  bool is_number;  ///< numbers stand below each other with their units
  bool is_wide;    ///< stands in the wide table alone
  std::string (*text)(const Cell& cell);
};

/// The table of the paths, from left to right, behind their names.
constexpr std::array kColumns{
    Column{"state", false, false, [](const Cell& of) { return state_text(of.path); }},
    Column{
        "RTT", true, false,
        [](const Cell& of) { return of.path.rtt ? format_delay(of.path.rtt->smoothed) : std::string("-"); }},
    Column{"loss out", true, false, [](const Cell& of) { return format_fraction(of.path.out.loss_recent); }},
    Column{"loss in", true, false, [](const Cell& of) { return format_fraction(of.path.in.loss_recent); }},
    Column{"MTU", true, false, mtu_text},
    Column{"rate out", true, false, [](const Cell& of) { return format_rate(of.path.out.rate_bps); }},
    Column{"rate in", true, false, [](const Cell& of) { return format_rate(of.path.in.rate_bps); }},
    Column{"wins", true, true, share_text},
    Column{"answered", true, true,
           [](const Cell& of) {
             return of.path.last_answer ? format_ago(*of.path.last_answer) : std::string("-");
           }},
    Column{"remote", false, true, [](const Cell& of) { return printable(of.path.remote); }},
    Column{"public", false, true, [](const Cell& of) { return printable(of.path.seen_from); }},
};

class Table {
 public:
  explicit Table(TableWidth width) : is_wide_(width == TableWidth::wide) {}

  /// One line, "WHAT  VALUE"; what is too long for it goes on below the value.
  template <typename... Args>
  void line(std::string_view what, fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format("{:<{}}", what, kLabelColumns);
    add_wrapped(fmt::format(format, std::forward<Args>(args)...), kLabelColumns);
  }
  void blank() { text_ += '\n'; }
  void paths(const std::vector<PathStatus>& paths);

  std::string take() { return std::move(text_); }

 private:
  /// A line that belongs to the one above.
  void add_below(std::string_view words);
  /// Ends the line that has `indent` columns, with `value` in it and in as many more as it needs.
  void add_wrapped(std::string_view value, std::size_t indent);

  bool is_wide_;
  std::string text_;
};

void Table::add_wrapped(std::string_view value, std::size_t indent) {
  const std::size_t room = kTerminalColumns - indent;
  while (!is_wide_ && value.size() > room) {
    // A word that is longer than a line stays whole.
    std::size_t end = value.rfind(' ', room);
    if (end == std::string_view::npos) end = value.find(' ');
    if (end == std::string_view::npos) break;
    fmt::format_to(std::back_inserter(text_), "{}\n{:{}}", value.substr(0, end), "", indent);
    value.remove_prefix(end + 1);
  }
  text_ += value;
  text_ += '\n';
}

void Table::paths(const std::vector<PathStatus>& paths) {
  if (paths.empty()) {
    text_ += "no paths\n";
    return;
  }
  std::uint64_t wins = 0;
  for (const PathStatus& path : paths) wins += path.in.first;
  // What stands behind the names decides how long these may be.
  std::vector<std::string> lines(1 + paths.size());
  for (const Column& column : kColumns) {
    if (column.is_wide && !is_wide_) continue;
    std::vector<std::string> cells{column.heading};
    for (const PathStatus& path : paths) cells.push_back(column.text({path, wins, is_wide_}));
    std::size_t width = 0;
    for (const std::string& cell : cells) width = std::max(width, cell.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(width - cells[i].size(), ' ');
      lines[i] += "  " + (column.is_number ? padding + cells[i] : cells[i] + padding);
    }
  }
  const std::size_t rest = lines.front().size();
  const std::size_t longest =
      is_wide_ ? kLongestName : std::max(kShortestName, kTerminalColumns - std::min(rest, kTerminalColumns));
  std::vector<std::string> names{"path"};
  for (const PathStatus& path : paths) names.push_back(shortened(printable(path.name), longest));
  std::size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string whole = fmt::format("{:<{}}{}", names[i], width, lines[i]);
    whole.erase(whole.find_last_not_of(' ') + 1);
    text_ += whole + '\n';
    if (i == 0) continue;
    const PathStatus& path = paths[i - 1];
    if (!path.problem.empty()) add_below(printable(path.problem));
    if (path.share && path.state == PathState::up) add_below(share_words(*path.share));
  }
}

void Table::add_below(std::string_view words) {
  text_ += std::string(kProblemColumns, ' ');
  add_wrapped(words, kProblemColumns);
}

/// "lost 0.12 % out, 0 % in (best path alone 9.1 %, 8.2 %)"
std::string loss_text(const StreamStatus& stream, std::optional<double> StreamWayStatus::*loss,
                      std::optional<double> StreamWayStatus::*best) {
  return fmt::format("lost {} out, {} in (best path alone {}, {})", format_rare(stream.out.*loss),
                     format_rare(stream.in.*loss), format_fraction(stream.out.*best),
                     format_fraction(stream.in.*best));
}

/// "all copies lost 0.12 %, repaired 99 %, overhead 4 %"
std::string repair_text(const StreamWayStatus& way) {
  if (!way.before_repair || *way.before_repair <= 0) return "nothing to repair";
  const double left = std::min(1.0, way.loss.value_or(0) / *way.before_repair);
  return fmt::format("all copies lost {}, repaired {}, overhead {}", format_rare(way.before_repair),
                     format_fraction(1 - left), format_fraction(way.repair_overhead));
}

/// "in: 12 datagrams waited for earlier ones, now up to 4 ms; 98 % of these came in time"
std::string order_text(const OrderStatus& order) {
  const auto missing = static_cast<double>(order.in_time + order.late + order.lost + order.overflow);
  const double in_time = missing > 0 ? static_cast<double>(order.in_time) / missing : 0;
  return fmt::format("in: {} datagram{} waited for earlier ones, now up to {}; {} of these came in time",
                     order.held, order.held == 1 ? "" : "s", format_delay(order.hold),
                     format_fraction(in_time));
}

void add_stream(Table& table, const StreamStatus& stream) {
  table.line("last 10 s", "{}",
             loss_text(stream, &StreamWayStatus::loss_recent, &StreamWayStatus::best_path_recent));
  table.line("in all", "{}", loss_text(stream, &StreamWayStatus::loss, &StreamWayStatus::best_path));
  const auto is_repaired = [](const StreamWayStatus& way) { return way.repair_overhead.value_or(0) > 0; };
  if (is_repaired(stream.out)) table.line("repair", "out: {}", repair_text(stream.out));
  if (is_repaired(stream.in)) table.line("repair", "in: {}", repair_text(stream.in));
  if (stream.order.held > 0) table.line("order", "{}", order_text(stream.order));
  if (stream.rtt)
    table.line("delay", "RTT {}, jitter {} on the fastest path", format_delay(*stream.rtt),
               stream.jitter ? format_delay(*stream.jitter) : "-");
  if (stream.untaken > 0)
    table.line("waited", "{} datagram{} found no path in time", stream.untaken,
               stream.untaken == 1 ? "" : "s");
}

/// "10.42.42.2/24 fd00::2/64; 192.168.9.0/24: taken by another client"
std::string inner_text(const InnerStatus& inner) {
  std::string given;
  std::string refused;
  for (const InnerAddressStatus& own : inner.addresses) {
    if (own.kind == "server") continue;
    if (own.verdict == "given") {
      given += (given.empty() ? "" : " ") + printable(own.address);
    } else {
      refused += fmt::format("; {}: {}", printable(own.address), own.verdict);
    }
  }
  return (given.empty() ? "no address" : given) + refused;
}

void add_inner(Table& table, const InnerStatus& inner) {
  table.line("IP", "{}", inner_text(inner));
  table.line("", "{} packets in ({} bytes), {} out ({} bytes)", inner.packets_in, inner.bytes_in,
             inner.packets_out, inner.bytes_out);
}

void add_session(Table& table, const SessionStatus& session) {
  std::string what = name_of(session.state);
  if (session.age) what += fmt::format(" for {}", format_span(*session.age));
  what += session.encrypted ? "" : ", datagrams in the clear";
  if (session.encrypted && !session.cipher.empty()) what += ", " + printable(session.cipher);
  what += session.has_key ? ", key set" : ", no key";
  if (session.key_age) what += fmt::format(", keys {} old", format_span(*session.key_age));
  table.line("session", "{}", what);
  if (!session.scheduler.empty() && session.scheduler != "copies")
    table.line("scheduler", "{}", session.scheduler);
  table.line("traffic", "{} flow{}, {} datagrams in, {} out, {} duplicates dropped", session.flows,
             session.flows == 1 ? "" : "s", session.datagrams_in, session.datagrams_out,
             session.duplicates_dropped);
  if (session.inner) add_inner(table, *session.inner);
  if (session.state != SessionState::connecting) add_stream(table, session.stream);
  if (session.forced_closings > 0)
    table.line(
        "window",
        "closed early {} time{}, the paths' delays differ too much: later packets were dropped as copies",
        session.forced_closings, session.forced_closings == 1 ? "" : "s");
  if (session.fragmented == 0) return;
  const std::string whole =
      session.largest_whole ? fmt::format("; up to {} bytes go whole on each", *session.largest_whole) : "";
  table.line("sizes", "{} datagrams were too large for a path in use and went there in pieces{}",
             session.fragmented, whole);
}

void add_program(Table& table, const Status& status) {
  const std::string config = status.config.empty() ? "" : fmt::format(", {}", printable(status.config));
  table.line(status.is_server ? "mpserver" : "mpclient", "{}, up for {}{}", printable(status.version),
             format_span(status.uptime), config);
  std::string listen;
  for (const std::string& address : status.listen)
    listen += (listen.empty() ? "" : ", ") + printable(address);
  table.line("listen", "{}", listen);
  for (const AwaitedStatus& awaited : status.awaited)
    table.line("awaited", "{}: {}", printable(awaited.address), printable(awaited.why));
  if (const auto& device = status.device) {
    std::string addresses;
    for (const std::string& address : device->addresses) addresses += address + ", ";
    table.line("device", "{}, {}MTU {}", device->name.empty() ? "none" : device->name, addresses,
               device->mtu);
  }
  if (status.is_server && !status.target.empty()) {
    table.line("target", "{}{}{}", printable(status.target), status.target_problem.empty() ? "" : ": ",
               printable(status.target_problem));
  }
  if (const auto& keyring = status.keyring)
    table.line("keyring", "{} client{}, {} disabled", keyring->clients, keyring->clients == 1 ? "" : "s",
               keyring->disabled);
}

}  // namespace

std::string render_table(const Status& status, TableWidth width) {
  Table table(width);
  add_program(table, status);
  if (!status.is_server) add_session(table, status.session);
  if (const std::string drops = format_drops(unusual(status.drops)); !drops.empty())
    table.line("dropped", "{}", drops);
  if (status.kernel_drops_inside + status.kernel_drops_outside > 0) {
    table.line("kernel", "receive buffers were full: {} datagrams from {}, {} from the network lost",
               status.kernel_drops_inside, status.is_server ? "the target" : "applications",
               status.kernel_drops_outside);
  }
  if (status.is_server) {
    if (status.clients.empty()) table.line("clients", "none");
    for (const ClientStatus& client : status.clients) {
      table.blank();
      const std::string key = client.key_name.empty() ? "" : client.key_name + '/';
      table.line("client", "{} ({})", printable(key + client.name), printable(client.client));
      add_session(table, client.session);
      table.paths(client.paths);
    }
  } else {
    table.blank();
    table.paths(status.paths);
  }
  if (!status.problems.empty()) table.blank();
  for (const std::string& problem : status.problems) table.line("problem", "{}", printable(problem));
  return table.take();
}

}  // namespace mptunnel
