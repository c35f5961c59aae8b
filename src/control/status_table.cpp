#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "mptunnel/control/status.h"
#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

constexpr std::size_t kLongestName = 40;
constexpr std::size_t kColumns = 11;

using Row = std::array<std::string, kColumns>;
using Rows = std::vector<Row>;

/// What the columns are called.
const Row kHeading{"path",     "state",   "RTT",  "loss out", "loss in", "MTU",
                   "rate out", "rate in", "wins", "answered", "problem"};
/// Numbers stand below each other with their units.
constexpr std::array<bool, kColumns> kIsNumber{false, false, true, true, true, true,
                                               true,  true,  true, true, false};

std::string mtu_text(const PathStatus& path) {
  const auto one = [](const std::optional<std::uint64_t>& mtu) {
    return mtu ? fmt::format("{}", *mtu) : "-";
  };
  return path.mtu_out == path.mtu_in ? one(path.mtu_out)
                                     : fmt::format("{}/{}", one(path.mtu_out), one(path.mtu_in));
}

/// `wins` is of all paths together.
Row row_of(const PathStatus& path, std::uint64_t wins) {
  const auto share = wins == 0
                         ? std::nullopt
                         : std::optional(static_cast<double>(path.in.first) / static_cast<double>(wins));
  return {shortened(printable(path.name), kLongestName),
          fmt::format("{}{}", name_of(path.state), path.standby ? " standby" : ""),
          path.rtt ? format_delay(path.rtt->smoothed) : "-",
          format_fraction(path.out.loss_recent),
          format_fraction(path.in.loss_recent),
          mtu_text(path),
          format_rate(path.out.rate_bps),
          format_rate(path.in.rate_bps),
          format_fraction(share),
          path.last_answer ? format_ago(*path.last_answer) : "-",
          printable(path.problem)};
}

void add_rows(std::string& text, const Rows& rows) {
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < kColumns; ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += i == 0 ? "" : "  ";
      line += kIsNumber[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
}

void add_paths(std::string& text, const std::vector<PathStatus>& paths) {
  const std::uint64_t wins =
      std::accumulate(paths.begin(), paths.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const PathStatus& path) { return sum + path.in.first; });
  Rows rows{kHeading};
  for (const PathStatus& path : paths) rows.push_back(row_of(path, wins));
  if (paths.empty()) {
    text += "no paths\n";
  } else {
    add_rows(text, rows);
  }
}

/// One line, "WHAT  VALUE".
template <typename... Args>
void add_line(std::string& text, std::string_view what, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(text), "{:<10}", what);
  fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
  text += '\n';
}

void add_session(std::string& text, const SessionStatus& session) {
  std::string what = name_of(session.state);
  if (session.age) what += fmt::format(" for {}", format_span(*session.age));
  what += session.encrypted ? "" : ", datagrams in the clear";
  if (session.encrypted && !session.cipher.empty()) what += ", " + printable(session.cipher);
  what += session.has_key ? ", key set" : ", no key";
  if (session.key_age) what += fmt::format(", keys {} old", format_span(*session.key_age));
  add_line(text, "session", "{}", what);
  add_line(text, "traffic",
           "{} flow{}, {} datagrams in, {} out, {} duplicates dropped, residual loss out {}, in {}",
           session.flows, session.flows == 1 ? "" : "s", session.datagrams_in, session.datagrams_out,
           session.duplicates_dropped, format_fraction(session.residual_loss_out),
           format_fraction(session.residual_loss_in));
  if (session.fragmented == 0) return;
  const std::string whole =
      session.largest_whole ? fmt::format("; up to {} bytes go whole on each", *session.largest_whole) : "";
  add_line(text, "sizes", "{} datagrams were too large for a path in use and went there in pieces{}",
           session.fragmented, whole);
}

std::string drops_text(const DropCounters& drops) {
  std::string text;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(reason), drops[reason]);
  }
  return text;
}

void add_program(std::string& text, const Status& status) {
  const std::string config = status.config.empty() ? "" : fmt::format(", {}", printable(status.config));
  add_line(text, status.is_server ? "mpserver" : "mpclient", "{}, up for {}{}", printable(status.version),
           format_span(status.uptime), config);
  std::string listen;
  for (const std::string& address : status.listen)
    listen += (listen.empty() ? "" : ", ") + printable(address);
  add_line(text, "listen", "{}", listen);
  if (status.is_server) add_line(text, "target", "{}", printable(status.target));
}

}  // namespace

std::string render_table(const Status& status) {
  std::string text;
  add_program(text, status);
  if (!status.is_server) add_session(text, status.session);
  if (const std::string drops = drops_text(status.drops); !drops.empty())
    add_line(text, "dropped", "{}", drops);
  if (status.is_server) {
    if (status.clients.empty()) add_line(text, "clients", "none");
    for (const ClientStatus& client : status.clients) {
      text += '\n';
      add_line(text, "client", "{}", printable(client.client));
      add_session(text, client.session);
      add_paths(text, client.paths);
    }
  } else {
    text += '\n';
    add_paths(text, status.paths);
  }
  if (!status.problems.empty()) text += '\n';
  for (const std::string& problem : status.problems) add_line(text, "problem", "{}", printable(problem));
  return text;
}

}  // namespace mptunnel
