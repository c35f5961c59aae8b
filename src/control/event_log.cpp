#include "mptunnel/control/event_log.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "inner_words.h"
#include "mptunnel/control/status_format.h"
#include "mptunnel/host/log.h"

namespace mptunnel {
namespace {

constexpr const char* kSetBothEnds =
    "set MPTUNNEL_ENCRYPT (or encrypt in the configuration) to the same value at both ends";

const char* explain(Refusal refusal) {
  switch (refusal) {
    case Refusal::version:
      return "the versions of mpclient and mpserver have no protocol in common: update the older one";
    case Refusal::cipher:
      return "one end encrypts and the other does not";
    case Refusal::no_room:
      return "it has no room for another client";
    case Refusal::none:
      break;
  }
  return "it does not say why";
}

template <typename... Args>
LogLine debug(fmt::format_string<Args...> format, Args&&... args) {
  return {LogLevel::debug, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
LogLine info(fmt::format_string<Args...> format, Args&&... args) {
  return {LogLevel::info, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
LogLine warning(fmt::format_string<Args...> format, Args&&... args) {
  return {LogLevel::warning, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
LogLine error(fmt::format_string<Args...> format, Args&&... args) {
  return {LogLevel::error, fmt::format(format, std::forward<Args>(args)...)};
}

std::string from(const Route& route) {
  return route.remote.to_string();
}
std::string name_of(const SessionRef& session) {
  return client_name(session.key_name, session.name, session.from, session.identity);
}
/// With the address that an event is about, unless that is the client's name.
std::string named_from(const SessionRef& session, const Route& route) {
  const bool is_named = !session.name.empty() || session.from != route.remote;
  return is_named ? fmt::format("{} from {}", name_of(session), from(route)) : name_of(session);
}
std::string path_name(const SessionRef& session, PathId path) {
  return session.path_name.empty() ? fmt::format("path {}", path.value) : "path " + session.path_name;
}
/// A path of a client, as the subject of a line.
std::string path_of_client(const SessionRef& session, PathId path) {
  return fmt::format("client {}: {}", name_of(session), path_name(session, path));
}

std::string in_words(const SessionTotals& totals) {
  return fmt::format("{} datagram{} from it, {} to it, in {}", totals.from_client,
                     totals.from_client == 1 ? "" : "s", totals.to_client, format_span(totals.lasted));
}

/// Which settings of OpenVPN and WireGuard make their packets fit.
LogLine line_of_fragments(const Fragmenting& event, const std::string& path) {
  return warning(
      "{:.0f} % of the datagrams are larger than {} bytes and need two or more packets on {}, which doubles "
      "what is sent and what is lost: {}",
      event.share * 100, event.largest, path, size_advice(event.largest));
}

LogLine line_of_addresses(const std::string& who, const std::vector<InnerEntry>& entries) {
  const LogLevel level = is_any_refused(entries) ? LogLevel::warning : LogLevel::info;
  return {level, fmt::format("{} {}", who, text_of(entries))};
}

LogLine line_of_losses(const PathLossy& event, const std::string& path, std::string_view what) {
  if (event.over) return info("{} loses only {:.0f} % of {} again", path, event.share * 100, what);
  return warning(
      "{} loses {:.0f} % of {}, though it is up: check its link, and whether it is too slow for this rate",
      path, event.share * 100, what);
}

LogLine line_of_overload(const PathOverloaded& event, const std::string& path) {
  if (event.over) return info("{} takes all that is sent on it again", path);
  return warning(
      "{} is given more than its line takes, about {}: {:.0f} % of the copies of the last {:.0f} s did not "
      "leave, because they would have waited here for too long. Send less through the tunnel, or make the "
      "bridge 'backup' in mpclient.conf if the others are enough",
      path, format_rate(event.rate_bps), event.share * 100, seconds_of(kOverloadWindow));
}

LogLine line_of_mark(const PathMark& event, const std::string& path) {
  const std::string mark = format_dscp(event.dscp);
  if (event.passes) return info("{} passes packets marked {} again: they keep it there", path, mark);
  return warning(
      "{} loses all packets marked {} and passes others: they leave there unmarked, and the mark is tried "
      "again "
      "each {:.0f} min. Have the network pass it, or set 'dscp none'",
      path, mark, std::chrono::duration<double>(kMarkRetryAfter).count() / 60);
}

using Line = std::optional<LogLine>;

/// One case for each event.
struct Wording {
  std::string_view bridge;

  Line operator()(const TablesFull& event) const {
    if (event.drop == Drop::flow_rate)
      return warning(
          "a client opens flows faster than it may: {}; new ones are refused (logged once a minute)",
          name_of(event.drop));
    if (event.drop == Drop::session_limit)
      return warning(
          "as many clients as max-clients allows have a session, and none was silent for 60 s: a new one is "
          "refused (logged once a minute)");
    return warning("a table is full: {}; new entries are refused (logged once a minute)",
                   name_of(event.drop));
  }
  Line operator()(const SessionStarted& event) const {
    if (event.resumed) return debug("session has new keys, cipher {}", name_of(event.cipher));
    return info("session with mpserver started, cipher {}", name_of(event.cipher));
  }
  Line operator()(const SessionLost& event) const { return warning("{}", explain(event)); }
  Line operator()(const TrafficResumed& event) const {
    const double seconds = seconds_of(event.after);
    return info("traffic flows again after {:.{}f} s, {}", seconds, seconds < 1 ? 1 : 0,
                event.paths == 0 ? "by paths that pass one way only"
                                 : fmt::format("{} path{} up", event.paths, event.paths == 1 ? "" : "s"));
  }
  Line operator()(const SessionEnded& event) const {
    return info("mpserver ended the session: {}; reconnecting", name_of(event.reason));
  }
  Line operator()(const SessionRefused& event) const {
    if (const auto* reason = std::get_if<CloseReason>(&event.why))
      return error("mpserver refuses the session: {}", name_of(*reason));
    const Refusal refusal = std::get<Refusal>(event.why);
    if (refusal == Refusal::cipher)
      return error("mpserver refuses the session: {}; {}", explain(refusal), kSetBothEnds);
    return error("mpserver refuses the session: {}", explain(refusal));
  }
  Line operator()(const NoAnswer& event) const { return warning("{}", explain(event)); }
  Line operator()(const PathChanged& event) const {
    const std::string silence =
        fmt::format("{} probes in {:.0f} ms unanswered", event.probes, milliseconds(event.silent));
    switch (event.state) {
      case PathState::down:
        return warning("bridge {} is down: {}; it is still probed", bridge, silence);
      case PathState::suspect:
        return debug("bridge {} is suspect: {}", bridge, silence);
      case PathState::up:
        if (event.was == PathState::suspect)
          return debug("bridge {} is up: it answers again after {:.0f} ms", bridge,
                       milliseconds(event.silent));
        if (event.was == PathState::fresh || event.silent < std::chrono::milliseconds(1))
          return info("bridge {} is up: it answers, RTT {:.1f} ms", bridge, milliseconds(event.rtt));
        return info("bridge {} is up: it answers again after {:.0f} ms, RTT {:.1f} ms", bridge,
                    milliseconds(event.silent), milliseconds(event.rtt));
      case PathState::fresh:
        break;
    }
    return std::nullopt;
  }
  Line operator()(const PathLossy& event) const {
    return line_of_losses(event, fmt::format("bridge {}", bridge),
                          event.direction == Direction::out ? "what is sent on it" : "what comes back on it");
  }
  Line operator()(const PathOverloaded& event) const {
    return line_of_overload(event, fmt::format("bridge {}", bridge));
  }
  Line operator()(const PathOneWay& event) const {
    return warning("bridge {} passes one way only: {}; the other direction goes by the other bridges", bridge,
                   event.out ? "mpserver hears what is sent on it, but nothing comes back"
                             : "what mpserver sends on it arrives, but mpserver hears nothing on it");
  }
  Line operator()(const PathMark& event) const {
    return line_of_mark(event, fmt::format("bridge {}", bridge));
  }
  Line operator()(const PathStandby& event) const {
    return info(
        "bridge {} {}", bridge,
        event.standby ? "is in reserve: enough other paths are up" : "is in use: too few other paths are up");
  }
  Line operator()(const PathLooped& /*event*/) const {
    return error(
        "bridge {} is shut: what is sent on it comes back in from the application; the tunnel would carry "
        "itself. The VPN that runs through this program must not get the route to its bridges: give the "
        "bridge "
        "dev=INTERFACE, or a route of its own, or set fwmark and a rule for it",
        bridge);
  }
  Line operator()(const PathProved& /*event*/) const {
    return debug("bridge {}: its answers show that it does not lead through this program", bridge);
  }
  Line operator()(const PathReturns& /*event*/) const {
    return error(
        "bridge {} is held: what is sent on it comes back in from the application, by its size; the VPN that "
        "runs through this program has taken the route to it. Give the bridge dev=INTERFACE, or a route of "
        "its own, or set fwmark and a rule for it",
        bridge);
  }
  Line operator()(const Fragmenting& event) const {
    return line_of_fragments(event, fmt::format("bridge {}", bridge));
  }
  Line operator()(const ClientSessionStarted& event) const {
    return info("client {}: session started, cipher {}", named_from(event.session, event.route),
                name_of(event.cipher));
  }
  Line operator()(const ClientTakenOver& event) const {
    return info("client {}: restarted, its flows continue, cipher {}", named_from(event.session, event.route),
                name_of(event.cipher));
  }
  Line operator()(const ClientSessionEnded& event) const {
    return info("client {}: session ended: {}; {}", name_of(event.session), name_of(event.reason),
                in_words(event.totals));
  }
  Line operator()(const ClientSessionSilent& event) const {
    return info("client {}: session ended: silent for too long; {}", name_of(event.session),
                in_words(event.totals));
  }
  Line operator()(const IdentitiesClash& event) const {
    return warning(
        "client {}: two running programs have this identity, {} is one of them; they are separate clients "
        "from now on. Give each a client-id of its own",
        name_of(event.session), from(event.route));
  }
  Line operator()(const HandshakeRefused& event) const {
    const bool is_cipher = event.refusal == Refusal::cipher;
    return error("a client from {} is refused: {}{}{}", from(event.route), explain(event.refusal),
                 is_cipher ? "; " : "", is_cipher ? kSetBothEnds : "");
  }
  Line operator()(const HandshakeOtherKey& event) const {
    return warning(
        "a client from {} has another key, or one end has none: it gets no answer (logged once a minute for "
        "each network)",
        from(event.route));
  }
  Line operator()(const HandshakeDisabled& event) const {
    return warning(
        "client {} from {} is disabled in the keyring: it gets no answer (logged once a minute for each "
        "network)",
        event.key_name, from(event.route));
  }
  Line operator()(const NetworkFull& event) const {
    const bool is_one = event.limit == 1;
    return warning(
        "a client from {} is refused: {} {} {} a session, as many as max-clients-per-network allows, and "
        "none "
        "was silent for 60 s. Set it higher, or give clients keys of their own (logged once a minute for "
        "each "
        "network)",
        from(event.route), event.limit, is_one ? "client of" : "clients of",
        source_network_text(event.route.remote) + (is_one ? " has" : " have"));
  }
  Line operator()(const ClientQuotaReached& event) const {
    const std::string client = name_of(event.session);
    if (event.drop == Drop::key_rate)
      return warning(
          "client {} sends or gets more than its max-rate: what is beyond it is dropped (logged once a "
          "minute)",
          client);
    if (event.drop == Drop::no_target)
      return warning(
          "client {} sends datagrams, and there is no target for them here: write 'target HOST:PORT', or "
          "nothing but IP packets passes",
          client);
    const bool is_flows = event.drop == Drop::key_flows;
    return warning("client {} has as many {} as its {} allows: new ones are refused", client,
                   is_flows ? "flows" : "sessions", is_flows ? "max-flows" : "max-sessions");
  }
  Line operator()(const ClientPathChanged& event) const {
    const std::string path =
        fmt::format("{} from {}", path_of_client(event.session, event.path), from(event.route));
    if (event.state == PathState::suspect)
      return debug("{} is suspect: no probe for {:.1f} s", path, seconds_of(event.silent));
    if (event.state == PathState::down) {
      return warning("{} is down: {}", path,
                     event.unheard ? std::string("the client hears nothing on it")
                                   : fmt::format("no probe for {:.1f} s", seconds_of(event.silent)));
    }
    if (event.was == PathState::suspect) return debug("{} is up", path);
    if (event.rtt > Duration{}) return info("{} is up, RTT {:.1f} ms", path, milliseconds(event.rtt));
    return info("{} is up", path);
  }
  Line operator()(const ClientPathLossy& event) const {
    const std::string path =
        fmt::format("{} from {}", path_of_client(event.session, event.what.path), from(event.route));
    return line_of_losses(event.what, path,
                          event.what.direction == Direction::out ? "what is sent on it" : "what comes by it");
  }
  Line operator()(const ClientPathOverloaded& event) const {
    return line_of_overload(
        event.what,
        fmt::format("{} from {}", path_of_client(event.session, event.what.path), from(event.route)));
  }
  Line operator()(const ClientPathMark& event) const {
    return line_of_mark(event.what, fmt::format("{} from {}", path_of_client(event.session, event.what.path),
                                                from(event.route)));
  }
  Line operator()(const ClientPathMoved& event) const {
    return info("{} moved from {} to {}", path_of_client(event.session, event.path), from(event.from),
                from(event.to));
  }
  Line operator()(const ClientPathStayed& event) const {
    return info("{} stays at {}: it still answers there", path_of_client(event.session, event.path),
                from(event.route));
  }
  Line operator()(const ClientFragmenting& event) const {
    return line_of_fragments(
        event.what,
        fmt::format("{} of client {}", path_name(event.session, event.what.path), name_of(event.session)));
  }
  Line operator()(const InnerAddresses& event) const {
    return line_of_addresses("inner addresses: this client has", event.entries);
  }
  Line operator()(const InnerUnsupported& event) const {
    if (event.is_clear)
      return warning("the TUN device has no address: inner packets are carried encrypted alone; {}",
                     kSetBothEnds);
    return warning(
        "the TUN device has no address: mpserver is older and carries no inner packets; update it");
  }
  Line operator()(const ClientInnerAddresses& event) const {
    return line_of_addresses(fmt::format("inner addresses: client {} has", name_of(event.session)),
                             event.entries);
  }
  Line operator()(const EventsLeftOut& event) const {
    std::string kinds;
    for (const EventsLeftOut::Kind& kind : event.kinds) {
      if (!kinds.empty()) kinds += ", ";
      kinds += fmt::format("{} {}", kind.count, kind.name);
      if (kind.last_from.is_set()) kinds += fmt::format(" (the last from {})", kind.last_from.to_string());
    }
    if (event.path && !bridge.empty()) kinds += fmt::format("; the last of bridge {}", bridge);
    return warning("not logged one by one in the last {:.0f} s, because they are too many: {}",
                   seconds_of(event.span), kinds);
  }
};

}  // namespace

std::string identity_digits(const ClientIdentity& identity) {
  std::string digits;
  for (std::size_t i = 0; i < 4; ++i) digits += fmt::format("{:02x}", identity[i]);
  return digits;
}

std::string client_name(std::string_view key_name, std::string_view word, const Endpoint& from,
                        const ClientIdentity& identity) {
  std::string name(key_name);
  if (!name.empty()) name += '/';
  if (!word.empty()) return name.append(word);
  return name + (from.is_set() ? from.to_string() : identity_digits(identity));
}

std::optional<LogLine> line_of(const Event& event, std::string_view bridge) {
  return std::visit(Wording{bridge}, event);
}

void log_event(const Event& event, std::string_view bridge) {
  if (const auto line = line_of(event, bridge)) log_line(line->level, line->text);
}

void log_drops(std::string_view where, const DropCounters& drops) {
  const std::string line = format_drops(drops);
  log_info("dropped {}: {}", where, line.empty() ? "nothing" : line);
}

void log_protection(bool encrypt, std::string_view keys) {
  const std::string_view key = keys.empty() ? "no key is set" : keys;
  if (encrypt) {
    log_info("datagrams are encrypted, {}", key);
  } else {
    log_warning("datagrams are NOT encrypted (MPTUNNEL_ENCRYPT=0 or encrypt no), {}", key);
  }
  if (keys.empty()) {
    log_warning(
        "without a key this protects only against passive eavesdropping: anybody may connect, and somebody "
        "on the way can impersonate the other end. Make a key with --genkey and give it to both ends with "
        "--key-file");
  }
}

}  // namespace mptunnel
