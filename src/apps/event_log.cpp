#include "mptunnel/apps/event_log.h"

#include <string>

#include "mptunnel/base/log.h"

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

/// A state with its reason.
void log_path_change(std::string_view name, const Event& event) {
  const std::string silence =
      fmt::format("{} probes in {:.0f} ms unanswered", event.probes, milliseconds(event.silent));
  switch (event.state) {
    case PathState::down:
      log_warning("bridge {} is down: {}; it is still probed", name, silence);
      return;
    case PathState::suspect:
      log_info("bridge {} is suspect: {}", name, silence);
      return;
    case PathState::up:
      if (event.was == PathState::fresh || event.silent < std::chrono::milliseconds(1)) {
        log_info("bridge {} is up: it answers, RTT {:.1f} ms", name, milliseconds(event.rtt));
      } else {
        log_info("bridge {} is up: it answers again after {:.0f} ms, RTT {:.1f} ms", name,
                 milliseconds(event.silent), milliseconds(event.rtt));
      }
      return;
    case PathState::fresh:
      return;
  }
}

/// What OpenVPN and WireGuard have to be told so that their packets fit.
void log_fragmenting(std::string_view path, const Event& event) {
  // Type, receiver and counter, and the tag; the payload is padded to 16 bytes.
  constexpr std::size_t kWireguardBytes = 32;
  const std::size_t wireguard =
      event.largest > kWireguardBytes ? (event.largest - kWireguardBytes) / 16 * 16 : 0;
  log_warning(
      "{:.0f} % of the datagrams are larger than {} bytes and need two or more packets on {}, which doubles "
      "what is "
      "sent and what is lost: set 'mssfix {}' in OpenVPN, or an MTU of {} in WireGuard",
      event.share * 100, event.largest, path, event.largest, wireguard);
}

void log_client_refusal(const Event& event) {
  if (event.refusal == Refusal::cipher) {
    log_error("mpserver refuses the session: {}; {}", explain(event.refusal), kSetBothEnds);
  } else if (event.refusal != Refusal::none) {
    log_error("mpserver refuses the session: {}", explain(event.refusal));
  } else {
    log_error("mpserver refuses the session: {}", name_of(event.reason));
  }
}

}  // namespace

std::string client_name(const ClientIdentity& identity) {
  std::string name;
  for (std::size_t i = 0; i < 4; ++i) name += fmt::format("{:02x}", identity[i]);
  return name;
}

void log_client_event(const Event& event) {
  switch (event.kind) {
    case EventKind::session_started:
      if (event.resumed) {
        log_debug("session has new keys, cipher {}", name_of(event.cipher));
      } else {
        log_info("session with mpserver started, cipher {}", name_of(event.cipher));
      }
      return;
    case EventKind::session_lost:
      log_warning("no path answers any more; trying all of them until one does");
      return;
    case EventKind::session_ended:
      log_info("mpserver ended the session: {}; trying again", name_of(event.reason));
      return;
    case EventKind::session_refused:
      log_client_refusal(event);
      return;
    case EventKind::no_answer:
      log_warning(
          "no answer from mpserver by any bridge yet: does it run, do the bridges lead to its port, is the "
          "key the same at "
          "both ends? Trying on");
      return;
    case EventKind::tables_full:
      log_warning("a table is full: {} (said once a minute)", name_of(event.drop));
      return;
    default:
      return;
  }
}

bool is_of_path(EventKind kind) {
  return kind == EventKind::path_changed || kind == EventKind::path_moved || kind == EventKind::path_stayed ||
         kind == EventKind::path_standby || kind == EventKind::path_looped || kind == EventKind::fragmenting;
}

void log_path_event(std::string_view name, const Event& event) {
  switch (event.kind) {
    case EventKind::path_standby:
      log_info("bridge {} {}", name,
               event.standby ? "is in reserve: enough others are up" : "is called in: too few others are up");
      return;
    case EventKind::path_looped:
      log_error(
          "bridge {} is shut: what is sent on it comes back in from the application, so that the tunnel "
          "would carry "
          "itself. The VPN that runs through this program must not get the route to its bridges",
          name);
      return;
    case EventKind::fragmenting:
      log_fragmenting(fmt::format("bridge {}", name), event);
      return;
    default:
      log_path_change(name, event);
      return;
  }
}

void log_server_event(const Event& event) {
  const std::string client = client_name(event.identity);
  const std::string from = event.route.remote.to_string();
  switch (event.kind) {
    case EventKind::session_started:
      log_info("client {} from {}: session started, cipher {}", client, from, name_of(event.cipher));
      return;
    case EventKind::session_ended:
      log_info("client {}: session ended: {}", client, name_of(event.reason));
      return;
    case EventKind::session_silent:
      log_info("client {}: session ended: not heard for too long", client);
      return;
    case EventKind::taken_over:
      log_info("client {} from {}: started again, its flows go on, cipher {}", client, from,
               name_of(event.cipher));
      return;
    case EventKind::identities_clash:
      log_warning(
          "client {}: two running programs have this identity, {} is one of them; they are kept apart now. "
          "Give each a "
          "client-id of its own",
          client, from);
      return;
    case EventKind::handshake_refused:
      log_error("a client from {} is refused: {}{}{}", from, explain(event.refusal),
                event.refusal == Refusal::cipher ? "; " : "",
                event.refusal == Refusal::cipher ? kSetBothEnds : "");
      return;
    case EventKind::handshake_other_key:
      log_warning(
          "a client from {} has another key, or one end has none: it gets no answer (said once a minute)",
          from);
      return;
    case EventKind::path_changed:
      if (event.state == PathState::suspect) {
        log_debug("client {}: path {} from {} is suspect: no probe for {:.1f} s", client, event.path.value,
                  from, seconds_of(event.silent));
      } else if (event.state == PathState::down) {
        log_warning("client {}: path {} from {} is down: {}", client, event.path.value, from,
                    event.unheard ? std::string("the client hears nothing on it")
                                  : fmt::format("no probe for {:.1f} s", seconds_of(event.silent)));
      } else if (event.was == PathState::suspect) {
        log_debug("client {}: path {} from {} is up", client, event.path.value, from);
      } else if (event.rtt > Duration{}) {
        log_info("client {}: path {} from {} is up, RTT {:.1f} ms", client, event.path.value, from,
                 milliseconds(event.rtt));
      } else {
        log_info("client {}: path {} from {} is up", client, event.path.value, from);
      }
      return;
    case EventKind::path_moved:
      log_info("client {}: path {} moved from {} to {}", client, event.path.value,
               event.old_route.remote.to_string(), from);
      return;
    case EventKind::fragmenting:
      log_fragmenting(fmt::format("path {} of client {}", event.path.value, client), event);
      return;
    case EventKind::path_stayed:
      log_info("client {}: path {} stays at {}: it still answers there", client, event.path.value, from);
      return;
    case EventKind::tables_full:
      log_warning("a table is full: {} (said once a minute)", name_of(event.drop));
      return;
    default:
      return;
  }
}

void log_drops(std::string_view where, const DropCounters& drops) {
  std::string line;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] != 0)
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name_of(reason), drops[reason]);
  }
  log_info("dropped {}: {}", where, line.empty() ? "nothing" : line);
}

void log_protection(bool encrypt, bool has_key) {
  const std::string_view key = has_key ? "a key is set" : "no key is set";
  if (encrypt) {
    log_info("datagrams are encrypted, {}", key);
  } else {
    log_warning("datagrams are NOT encrypted (MPTUNNEL_ENCRYPT=0 or encrypt no), {}", key);
  }
  if (!has_key) {
    log_warning(
        "without a key this keeps out who only listens: anybody may connect, and somebody on the way can "
        "pose as the other "
        "end. Make a key with --genkey and give it to both ends with --key-file");
  }
}

}  // namespace mptunnel
