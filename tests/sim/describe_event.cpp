// Events of the engines as lines of the trace.

#include "sim/client_host.h"
#include "support/overloaded.h"

namespace mptunnel::sim {

namespace {

std::string path_change(PathId path, PathState state, PathState was, Duration rtt) {
  return fmt::format("path {} is {}, was {}, rtt {:.1f} ms", path.value, name_of(state), name_of(was),
                     milliseconds(rtt));
}
std::string fragments(const Fragmenting& event) {
  return fmt::format("{:.0f} % of datagrams need fragments for path {}, {} bytes fit", event.share * 100,
                     event.path.value, event.largest);
}

std::string losses(const PathLossy& event) {
  return fmt::format("path {} loses {:.0f} % {}{}", event.path.value, event.share * 100,
                     event.direction == Direction::out ? "out" : "in", event.over ? " again" : "");
}

std::string overload(const PathOverloaded& e) {
  return fmt::format("path {} holds {:.0f} % back{}", e.path.value, e.share * 100, e.over ? " no more" : "");
}

std::string addresses(const std::vector<InnerEntry>& entries) {
  std::string text = "inner addresses";
  for (const InnerEntry& entry : entries) {
    const Endpoint address{.address = entry.prefix.octets, .family = entry.prefix.family};
    text += fmt::format(" {}/{} {}", address.address_string(), entry.prefix.length, name_of(entry.verdict));
  }
  return text;
}

std::string mark(const PathMark& e) {
  return fmt::format("path {} {} DSCP {}", e.path.value, e.passes ? "passes" : "loses", e.dscp);
}

}  // namespace

std::string describe(PathSet paths) {
  std::string text;
  for (const PathId path : paths) text += fmt::format("{}{}", text.empty() ? "" : ",", path.value);
  return text.empty() ? "none" : text;
}

std::string describe(const Event& event) {
  return std::visit(
      Overloaded{
          [](const TablesFull& e) { return fmt::format("table full: {}", name_of(e.drop)); },
          [](const NetworkFull& e) { return fmt::format("network full: {}", e.route.remote.to_string()); },
          [](const SessionStarted& e) {
            return fmt::format("session started, {}{}", name_of(e.cipher), e.resumed ? ", resumed" : "");
          },
          [](const SessionLost& e) {
            return fmt::format("session lost: no path carries data, for {:.0f} ms, {} held",
                               milliseconds(e.lasts), e.held);
          },
          [](const TrafficResumed& e) {
            return fmt::format("traffic resumed after {:.0f} ms, {} paths up", milliseconds(e.after),
                               e.paths);
          },
          [](const SessionEnded& e) { return fmt::format("session ended: {}", name_of(e.reason)); },
          [](const SessionRefused& e) {
            if (const auto* reason = std::get_if<CloseReason>(&e.why))
              return fmt::format("session refused: {}", name_of(*reason));
            return fmt::format("session refused: {}", static_cast<int>(std::get<Refusal>(e.why)));
          },
          [](const NoAnswer& e) {
            return e.closed_for ? fmt::format("no answer to handshakes since {}", name_of(*e.closed_for))
                                : std::string("no answer to handshakes");
          },
          [](const PathChanged& e) { return path_change(e.path, e.state, e.was, e.rtt); },
          [](const PathLossy& e) { return losses(e); },
          [](const PathOverloaded& e) { return overload(e); },
          [](const PathOneWay& e) {
            return fmt::format("path {} passes {} alone", e.path.value, e.out ? "out" : "in");
          },
          [](const PathMark& e) { return mark(e); },
          [](const PathStandby& e) {
            return fmt::format("path {} {}", e.path.value, e.standby ? "stands by" : "is in use");
          },
          [](const PathLooped& e) { return fmt::format("path {} leads back to us", e.path.value); },
          [](const PathProved& e) {
            return fmt::format("path {} leads over a foreign tunnel", e.path.value);
          },
          [](const PathReturns& e) { return fmt::format("path {} leads through us", e.path.value); },
          [](const Fragmenting& e) { return fragments(e); },
          [](const ClientSessionStarted& e) {
            return fmt::format("session {} started, {}", e.session.handle.value, name_of(e.cipher));
          },
          [](const ClientTakenOver& e) {
            return fmt::format("session {} takes over", e.session.handle.value);
          },
          [](const ClientSessionEnded& e) {
            return fmt::format("session {} ended: {}", e.session.handle.value, name_of(e.reason));
          },
          [](const ClientSessionSilent& e) {
            return fmt::format("session {} was silent for too long", e.session.handle.value);
          },
          [](const IdentitiesClash& e) {
            return fmt::format("session {} is alive although taken over", e.session.handle.value);
          },
          [](const HandshakeRefused& e) {
            return fmt::format("handshake refused: {}", static_cast<int>(e.refusal));
          },
          [](const HandshakeDisabled& e) { return "handshake with the disabled key " + e.key_name; },
          [](const ClientQuotaReached& e) { return std::string("quota of a key: ") + name_of(e.drop); },
          [](const HandshakeOtherKey&) { return std::string("handshake with another key"); },
          [](const ClientPathChanged& e) { return path_change(e.path, e.state, e.was, e.rtt); },
          [](const ClientPathLossy& e) { return losses(e.what); },
          [](const ClientPathOverloaded& e) { return overload(e.what); },
          [](const ClientPathMark& e) { return mark(e.what); },
          [](const ClientPathMoved& e) {
            return fmt::format("path {} moved from {} to {}", e.path.value, e.from.remote.to_string(),
                               e.to.remote.to_string());
          },
          [](const ClientPathStayed& e) {
            return fmt::format("path {} stays at {}", e.path.value, e.route.remote.to_string());
          },
          [](const ClientFragmenting& e) { return fragments(e.what); },
          [](const InnerAddresses& e) { return addresses(e.entries); },
          [](const InnerUnsupported& e) {
            return std::string(e.is_clear ? "no inner packets in the clear" : "no inner packets at all");
          },
          [](const ClientInnerAddresses& e) {
            return fmt::format("session {}: {}", e.session.handle.value, addresses(e.entries));
          },
          [](const EventsLeftOut& e) { return fmt::format("events of {} kinds left out", e.kinds.size()); },
      },
      event);
}

}  // namespace mptunnel::sim
