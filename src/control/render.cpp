#include "mptunnel/control/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "mptunnel/control/status_format.h"

namespace mptunnel {
namespace {

using Json = nlohmann::ordered_json;

// JSON: its names are a promise.

/// Three decimals: microseconds if `Unit` is a millisecond.
template <typename Unit>
Json in_units(const std::optional<Duration>& span) {
  if (!span) return nullptr;
  return std::round(std::chrono::duration<double, typename Unit::period>(*span).count() * 1000) / 1000;
}

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename Value>
Json both_ways(const std::optional<Value>& out, const std::optional<Value>& in) {
  return {{"out", or_null(out)}, {"in", or_null(in)}};
}

Json json_of(const DropCounters& drops) {
  Json object = Json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] > 0) object[name_of(reason)] = drops[reason];
  }
  return object;
}

Json json_of(const DirectionStatus& direction) {
  return {{"packets", direction.packets},
          {"bytes", direction.bytes},
          {"lost", direction.lost},
          {"loss", or_null(direction.loss)},
          {"loss_recent", or_null(direction.loss_recent)},
          {"jitter_ms", in_units<std::chrono::milliseconds>(direction.jitter)},
          {"first", direction.first},
          {"duplicates", direction.duplicates},
          {"rate_bps", direction.rate_bps}};
}

Json json_of(const std::optional<RttStatus>& rtt) {
  if (!rtt) return nullptr;
  return {{"smoothed", in_units<std::chrono::milliseconds>(rtt->smoothed)},
          {"variation", in_units<std::chrono::milliseconds>(rtt->variation)},
          {"minimum", in_units<std::chrono::milliseconds>(rtt->minimum)},
          {"latest", in_units<std::chrono::milliseconds>(rtt->latest)}};
}

Json json_of(const PathStatus& path) {
  return {{"id", path.id},
          {"name", path.name},
          {"state", name_of(path.state)},
          {"problem", path.problem},
          {"standby", path.standby},
          {"remote", path.remote},
          {"local", path.local},
          {"device", path.device},
          {"rtt_ms", json_of(path.rtt)},
          {"mtu", both_ways(path.mtu_out, path.mtu_in)},
          {"last_answer_s", in_units<std::chrono::seconds>(path.last_answer)},
          {"out", json_of(path.out)},
          {"in", json_of(path.in)}};
}

Json json_of(const SessionStatus& session) {
  return {{"state", name_of(session.state)},
          {"age_s", in_units<std::chrono::seconds>(session.age)},
          {"cipher", session.cipher},
          {"encrypted", session.encrypted},
          {"key", session.has_key ? "set" : "none"},
          {"key_age_s", in_units<std::chrono::seconds>(session.key_age)},
          {"flows", session.flows},
          {"datagrams_in", session.datagrams_in},
          {"datagrams_out", session.datagrams_out},
          {"duplicates_dropped", session.duplicates_dropped},
          {"forced_closings", session.forced_closings},
          {"residual_loss", both_ways(session.residual_loss_out, session.residual_loss_in)},
          {"fragmented", session.fragmented},
          {"largest_whole", or_null(session.largest_whole)}};
}

Json json_of(const ClientStatus& client);

template <typename Value>
Json list_of(const std::vector<Value>& values) {
  Json array = Json::array();
  for (const Value& value : values) array.push_back(json_of(value));
  return array;
}

Json json_of(const std::optional<KeyringStatus>& keyring) {
  if (!keyring) return nullptr;
  return {{"clients", keyring->clients}, {"disabled", keyring->disabled}};
}

Json json_of(const ClientStatus& client) {
  return {{"client", client.client},
          {"key_name", client.key_name.empty() ? Json(nullptr) : Json(client.key_name)},
          {"session", json_of(client.session)},
          {"paths", list_of(client.paths)}};
}

// The table.

constexpr std::size_t kLongestName = 40;

std::string mtu_text(const PathStatus& path) {
  const auto one = [](const std::optional<std::uint64_t>& mtu) {
    return mtu ? fmt::format("{}", *mtu) : "-";
  };
  return path.mtu_out == path.mtu_in ? one(path.mtu_out)
                                     : fmt::format("{}/{}", one(path.mtu_out), one(path.mtu_in));
}

/// What a cell shows of: a path, and the datagrams that all paths together won.
struct Cell {
  const PathStatus& path;
  std::uint64_t wins;
};

std::string share_text(const Cell& cell) {
  if (cell.wins == 0) return format_fraction(std::nullopt);
  return format_fraction(static_cast<double>(cell.path.in.first) / static_cast<double>(cell.wins));
}

struct Column {
  const char* heading;
  bool is_number;  ///< numbers stand below each other with their units
  std::string (*text)(const Cell& cell);
};

/// The table of the paths, from left to right.
constexpr std::array kColumns{
    Column{"path", false, [](const Cell& of) { return shortened(printable(of.path.name), kLongestName); }},
    Column{"state", false,
           [](const Cell& of) {
             return fmt::format("{}{}", name_of(of.path.state), of.path.standby ? " standby" : "");
           }},
    Column{
        "RTT", true,
        [](const Cell& of) { return of.path.rtt ? format_delay(of.path.rtt->smoothed) : std::string("-"); }},
    Column{"loss out", true, [](const Cell& of) { return format_fraction(of.path.out.loss_recent); }},
    Column{"loss in", true, [](const Cell& of) { return format_fraction(of.path.in.loss_recent); }},
    Column{"MTU", true, [](const Cell& of) { return mtu_text(of.path); }},
    Column{"rate out", true, [](const Cell& of) { return format_rate(of.path.out.rate_bps); }},
    Column{"rate in", true, [](const Cell& of) { return format_rate(of.path.in.rate_bps); }},
    Column{"wins", true, share_text},
    Column{"answered", true,
           [](const Cell& of) {
             return of.path.last_answer ? format_ago(*of.path.last_answer) : std::string("-");
           }},
    Column{"problem", false, [](const Cell& of) { return printable(of.path.problem); }},
};

void add_paths(std::string& text, const std::vector<PathStatus>& paths) {
  if (paths.empty()) {
    text += "no paths\n";
    return;
  }
  std::uint64_t wins = 0;
  for (const PathStatus& path : paths) wins += path.in.first;
  std::vector<std::string> lines(1 + paths.size());
  for (const Column& column : kColumns) {
    std::vector<std::string> cells{column.heading};
    for (const PathStatus& path : paths) cells.push_back(column.text({path, wins}));
    std::size_t width = 0;
    for (const std::string& cell : cells) width = std::max(width, cell.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(width - cells[i].size(), ' ');
      lines[i] += lines[i].empty() ? "" : "  ";
      lines[i] += column.is_number ? padding + cells[i] : cells[i] + padding;
    }
  }
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
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
  if (session.forced_closings > 0)
    add_line(
        text, "window",
        "closed early {} time{}, the paths' delays differ too much: later packets were dropped as copies",
        session.forced_closings, session.forced_closings == 1 ? "" : "s");
  if (session.fragmented == 0) return;
  const std::string whole =
      session.largest_whole ? fmt::format("; up to {} bytes go whole on each", *session.largest_whole) : "";
  add_line(text, "sizes", "{} datagrams were too large for a path in use and went there in pieces{}",
           session.fragmented, whole);
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
  if (const auto& keyring = status.keyring)
    add_line(text, "keyring", "{} client{}, {} disabled", keyring->clients, keyring->clients == 1 ? "" : "s",
             keyring->disabled);
}

}  // namespace

std::string render_json(const Status& status) {
  Json object{{"program", status.is_server ? "mpserver" : "mpclient"},
              {"version", status.version},
              {"uptime_s", in_units<std::chrono::seconds>(status.uptime)},
              {"config", status.config},
              {"listen", status.listen}};
  if (status.is_server) {
    object["target"] = status.target;
    object["keyring"] = json_of(status.keyring);
    object["clients"] = list_of(status.clients);
  } else {
    object["session"] = json_of(status.session);
    object["paths"] = list_of(status.paths);
  }
  object["drops"] = json_of(status.drops);
  object["problems"] = status.problems;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string render_table(const Status& status) {
  std::string text;
  add_program(text, status);
  if (!status.is_server) add_session(text, status.session);
  if (const std::string drops = format_drops(status.drops); !drops.empty())
    add_line(text, "dropped", "{}", drops);
  if (status.is_server) {
    if (status.clients.empty()) add_line(text, "clients", "none");
    for (const ClientStatus& client : status.clients) {
      text += '\n';
      const std::string name = client.key_name.empty() ? "" : client.key_name + '/';
      add_line(text, "client", "{}", printable(name + client.client));
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

std::string answer_request(std::string_view request, const ControlActions& actions) {
  if (request == kAskTable) return render_table(actions.status());
  if (request == kAskJson) return render_json(actions.status());
  if (request != kAskReload) {
    return fmt::format("{}the requests are '{}', '{}' and '{}'\n", kControlError, kAskTable, kAskJson,
                       kAskReload);
  }
  const auto done = actions.reload();
  return done ? *done + '\n' : fmt::format("{}{}\n", kControlError, done.error());
}

}  // namespace mptunnel
