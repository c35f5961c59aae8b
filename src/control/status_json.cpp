#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "mptunnel/control/status.h"

namespace mptunnel {
namespace {

using Json = nlohmann::ordered_json;

/// Three decimals: microseconds where `Unit` is a millisecond.
template <typename Unit>
double in_units(Duration span) {
  return std::round(std::chrono::duration<double, typename Unit::period>(span).count() * 1000) / 1000;
}

double in_seconds(Duration span) {
  return in_units<std::chrono::seconds>(span);
}
double in_milliseconds(Duration span) {
  return in_units<std::chrono::milliseconds>(span);
}

template <typename Value>
Json nullable(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json nullable_seconds(const std::optional<Duration>& span) {
  return span ? Json(in_seconds(*span)) : Json(nullptr);
}

Json to_json(const DirectionStatus& direction) {
  return {{"packets", direction.packets},
          {"bytes", direction.bytes},
          {"lost", direction.lost},
          {"loss", nullable(direction.loss)},
          {"loss_recent", nullable(direction.loss_recent)},
          {"jitter_ms", direction.jitter ? Json(in_milliseconds(*direction.jitter)) : Json(nullptr)},
          {"first", direction.first},
          {"duplicates", direction.duplicates},
          {"rate_bps", direction.rate_bps}};
}

Json to_json(const RttStatus& rtt) {
  return {{"smoothed", in_milliseconds(rtt.smoothed)},
          {"variation", in_milliseconds(rtt.variation)},
          {"minimum", in_milliseconds(rtt.minimum)},
          {"latest", in_milliseconds(rtt.latest)}};
}

Json to_json(const PathStatus& path) {
  return {{"id", path.id},
          {"name", path.name},
          {"state", name_of(path.state)},
          {"problem", path.problem},
          {"standby", path.standby},
          {"remote", path.remote},
          {"local", path.local},
          {"device", path.device},
          {"rtt_ms", path.rtt ? to_json(*path.rtt) : Json(nullptr)},
          {"mtu", {{"out", nullable(path.mtu_out)}, {"in", nullable(path.mtu_in)}}},
          {"last_answer_s", nullable_seconds(path.last_answer)},
          {"out", to_json(path.out)},
          {"in", to_json(path.in)}};
}

Json to_json(const SessionStatus& session) {
  return {{"state", name_of(session.state)},
          {"age_s", nullable_seconds(session.age)},
          {"cipher", session.cipher},
          {"encrypted", session.encrypted},
          {"key", session.has_key ? "set" : "none"},
          {"key_age_s", nullable_seconds(session.key_age)},
          {"flows", session.flows},
          {"datagrams_in", session.datagrams_in},
          {"datagrams_out", session.datagrams_out},
          {"duplicates_dropped", session.duplicates_dropped},
          {"residual_loss",
           {{"out", nullable(session.residual_loss_out)}, {"in", nullable(session.residual_loss_in)}}},
          {"fragmented", session.fragmented},
          {"largest_whole", nullable(session.largest_whole)}};
}

Json to_json(const ClientStatus& client);

template <typename Values>
Json to_array(const Values& values) {
  Json array = Json::array();
  for (const auto& value : values) array.push_back(to_json(value));
  return array;
}

Json to_json(const ClientStatus& client) {
  return {{"client", client.client}, {"session", to_json(client.session)}, {"paths", to_array(client.paths)}};
}

Json to_json(const DropCounters& drops) {
  Json object = Json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] > 0) object[name_of(reason)] = drops[reason];
  }
  return object;
}

}  // namespace

const char* name_of(SessionState state) {
  switch (state) {
    case SessionState::connecting:
      return "connecting";
    case SessionState::established:
      return "established";
    case SessionState::dormant:
      return "dormant";
  }
  return "unknown";
}

DropCounters sum_of(const DropCounters& one, const DropCounters& other) {
  DropCounters sum = one;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    sum.add(reason, other[reason]);
  }
  return sum;
}

std::string render_json(const Status& status) {
  Json object = {{"program", status.is_server ? "mpserver" : "mpclient"},
                 {"version", status.version},
                 {"uptime_s", in_seconds(status.uptime)},
                 {"config", status.config},
                 {"listen", status.listen}};
  if (status.is_server) {
    object["target"] = status.target;
    object["clients"] = to_array(status.clients);
  } else {
    object["session"] = to_json(status.session);
    object["paths"] = to_array(status.paths);
  }
  object["drops"] = to_json(status.drops);
  object["problems"] = status.problems;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace mptunnel
