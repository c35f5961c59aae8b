// Why nothing flows, for the log and the status.
#include <fmt/format.h>

#include "mptunnel/control/event_log.h"
#include "mptunnel/control/status_format.h"

namespace mptunnel {

namespace {

/// Nothing of what has just begun.
std::string for_how_long(Duration lasts) {
  return lasts > Duration{} ? fmt::format(" (for {})", format_span(lasts)) : "";
}

}  // namespace

std::string explain(const NoAnswer& event) {
  const std::string lasts = for_how_long(event.lasts);
  if (event.closed_for == CloseReason::key_withdrawn)
    return fmt::format(
        "mpserver does not accept this client's key any more{}; it is asked again each 5 s. Give this client "
        "its new key, or mpserver the old one",
        lasts);
  if (event.closed_for)
    return fmt::format("no answer from mpserver since it ended the session{}: {}; it is asked again each 5 s",
                       lasts, name_of(*event.closed_for));
  if (event.had_session)
    return fmt::format(
        "no answer from mpserver since the session ended{}: does it run, do the bridges still lead to its "
        "port, do firewalls let UDP through? Retrying",
        lasts);
  return fmt::format(
      "no answer from mpserver by any bridge yet{}: does it run, do the bridges lead to its port, do "
      "firewalls let UDP through, is the key the same at both ends? Retrying",
      lasts);
}

std::string explain(const SessionLost& event) {
  if (event.held > 0) {
    const bool is_one = event.held == 1;
    return fmt::format(
        "no path carries data{}: {} path{} but {} held, because {} over a tunnel that may be the VPN that "
        "runs through this program, and no other path answers. Give the bridge dev=INTERFACE, or a route of "
        "its own, or set fwmark and a rule for it",
        for_how_long(event.lasts), event.held, is_one ? " answers" : "s answer", is_one ? "is" : "are",
        is_one ? "it leads" : "they lead");
  }
  if (event.lasts == Duration{}) return "no path answers any more; probing all of them until one does";
  return fmt::format(
      "no path has answered for {:.0f} s: does mpserver run, do the bridges lead to its port, do firewalls "
      "let UDP through? Still probing all of them",
      seconds_of(event.lasts));
}

}  // namespace mptunnel
