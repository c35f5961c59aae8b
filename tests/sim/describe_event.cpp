// Events of the engines as lines of the trace.

#include "sim/client_host.h"

namespace mptunnel::sim {

std::string describe(PathSet paths) {
  std::string text;
  for (const PathId path : paths) text += fmt::format("{}{}", text.empty() ? "" : ",", path.value);
  return text.empty() ? "none" : text;
}

std::string describe(const Event& event) {
  switch (event.kind) {
    case EventKind::session_started:
      return fmt::format("session {} started, {}{}", event.session.value, name_of(event.cipher),
                         event.resumed ? ", resumed" : "");
    case EventKind::session_lost:
      return "session lost: no path answers";
    case EventKind::session_ended:
      return fmt::format("session {} ended: {}", event.session.value, name_of(event.reason));
    case EventKind::session_refused:
      return fmt::format("session refused: {}", static_cast<int>(event.refusal));
    case EventKind::session_silent:
      return fmt::format("session {} was silent for too long", event.session.value);
    case EventKind::taken_over:
      return fmt::format("session {} takes over", event.session.value);
    case EventKind::identities_clash:
      return fmt::format("session {} is alive although taken over", event.session.value);
    case EventKind::handshake_refused:
      return fmt::format("handshake refused: {}", static_cast<int>(event.refusal));
    case EventKind::handshake_other_key:
      return "handshake with another key";
    case EventKind::no_answer:
      return "no answer to handshakes";
    case EventKind::path_changed:
      return fmt::format("path {} is {}, was {}, rtt {:.1f} ms", event.path.value, name_of(event.state),
                         name_of(event.was), milliseconds(event.rtt));
    case EventKind::path_standby:
      return fmt::format("path {} {}", event.path.value, event.standby ? "stands by" : "is called in");
    case EventKind::path_looped:
      return fmt::format("path {} leads back to us", event.path.value);
    case EventKind::fragmenting:
      return fmt::format("{:.0f} % of datagrams need fragments for path {}, {} bytes fit", event.share * 100,
                         event.path.value, event.largest);
    case EventKind::path_moved:
      return fmt::format("path {} moved from {} to {}", event.path.value, event.old_route.remote.to_string(),
                         event.route.remote.to_string());
    case EventKind::path_stayed:
      return fmt::format("path {} stays at {}", event.path.value, event.route.remote.to_string());
    case EventKind::tables_full:
      return fmt::format("table full: {}", name_of(event.drop));
  }
  return "an event";
}

}  // namespace mptunnel::sim
