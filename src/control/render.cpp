#include "mptunnel/control/render.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
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
          {"rate_bps", direction.rate_bps},
          {"repair_bytes", direction.repair_bytes}};
}

Json json_of(const std::optional<RttStatus>& rtt) {
  if (!rtt) return nullptr;
  return {{"smoothed", in_units<std::chrono::milliseconds>(rtt->smoothed)},
          {"variation", in_units<std::chrono::milliseconds>(rtt->variation)},
          {"minimum", in_units<std::chrono::milliseconds>(rtt->minimum)},
          {"latest", in_units<std::chrono::milliseconds>(rtt->latest)}};
}

Json json_of(const std::optional<ShareStatus>& share) {
  if (!share) return nullptr;
  return {{"use", share->use},
          {"rate_bps", share->rate_bps},
          {"capacity_bps", or_null(share->capacity_bps)},
          {"queue_ms", milliseconds(share->queue)},
          {"behind_ms", milliseconds(share->behind)},
          {"loss", share->loss}};
}

Json json_of(const PathStatus& path) {
  return {{"id", path.id},
          {"name", path.name},
          {"state", name_of(path.state)},
          {"problem", path.problem},
          {"standby", path.standby},
          {"held", path.held},
          {"remote", path.remote},
          {"local", path.local},
          {"public", path.seen_from},
          {"device", path.device},
          {"rtt_ms", json_of(path.rtt)},
          {"mtu", both_ways(path.mtu_out, path.mtu_in)},
          {"last_answer_s", in_units<std::chrono::seconds>(path.last_answer)},
          {"unsent", path.unsent},
          {"share", json_of(path.share)},
          {"out", json_of(path.out)},
          {"in", json_of(path.in)}};
}

Json json_of(const StreamWayStatus& way) {
  return {{"loss", or_null(way.loss)},
          {"loss_recent", or_null(way.loss_recent)},
          {"best_path_loss", or_null(way.best_path)},
          {"best_path_loss_recent", or_null(way.best_path_recent)},
          {"loss_before_repair", or_null(way.before_repair)},
          {"loss_before_repair_recent", or_null(way.before_repair_recent)},
          {"recovered", way.recovered},
          {"repair_overhead", or_null(way.repair_overhead)}};
}

Json json_of(const OrderStatus& order) {
  return {{"held", order.held}, {"in_time", order.in_time},   {"late", order.late},
          {"lost", order.lost}, {"overflow", order.overflow}, {"hold_ms", milliseconds(order.hold)}};
}

Json json_of(const StreamStatus& stream) {
  return {{"out", json_of(stream.out)},
          {"in", json_of(stream.in)},
          {"order", json_of(stream.order)},
          {"untaken", stream.untaken},
          {"rtt_ms", in_units<std::chrono::milliseconds>(stream.rtt)},
          {"jitter_ms", in_units<std::chrono::milliseconds>(stream.jitter)}};
}

Json json_of(const InnerAddressStatus& inner) {
  return {{"address", inner.address}, {"kind", inner.kind}, {"verdict", inner.verdict}};
}

Json json_of(const std::optional<InnerStatus>& inner) {
  if (!inner) return nullptr;
  Json addresses = Json::array();
  for (const InnerAddressStatus& address : inner->addresses) addresses.push_back(json_of(address));
  return {{"addresses", addresses},        {"packets_in", inner->packets_in},
          {"bytes_in", inner->bytes_in},   {"packets_out", inner->packets_out},
          {"bytes_out", inner->bytes_out}, {"largest_whole", or_null(inner->largest_whole)}};
}

Json json_of(const std::optional<DeviceStatus>& device) {
  if (!device) return nullptr;
  return {{"name", device->name},     {"addresses", device->addresses},
          {"mtu", device->mtu},       {"offload", device->offload},
          {"reads", device->reads},   {"read_bytes", device->read_bytes},
          {"writes", device->writes}, {"written_bytes", device->written_bytes}};
}

Json json_of(const SessionStatus& session) {
  return {{"state", name_of(session.state)},
          {"age_s", in_units<std::chrono::seconds>(session.age)},
          {"cipher", session.cipher},
          {"encrypted", session.encrypted},
          {"key", session.has_key ? "set" : "none"},
          {"key_age_s", in_units<std::chrono::seconds>(session.key_age)},
          {"scheduler", session.scheduler},
          {"flows", session.flows},
          {"datagrams_in", session.datagrams_in},
          {"datagrams_out", session.datagrams_out},
          {"duplicates_dropped", session.duplicates_dropped},
          {"forced_closings", session.forced_closings},
          {"residual_loss", both_ways(session.stream.out.loss, session.stream.in.loss)},
          {"stream", json_of(session.stream)},
          {"fragmented", session.fragmented},
          {"largest_whole", or_null(session.largest_whole)},
          {"ip", json_of(session.inner)}};
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
          {"name", client.name},
          {"key_name", client.key_name.empty() ? Json(nullptr) : Json(client.key_name)},
          {"session", json_of(client.session)},
          {"paths", list_of(client.paths)}};
}

Json awaited_addresses(const Status& status) {
  Json array = Json::array();
  for (const AwaitedStatus& awaited : status.awaited) array.push_back(awaited.address);
  return array;
}

}  // namespace

std::string render_json(const Status& status) {
  Json object{{"program", status.is_server ? "mpserver" : "mpclient"},
              {"version", status.version},
              {"uptime_s", in_units<std::chrono::seconds>(status.uptime)},
              {"config", status.config},
              {"listen", status.listen},
              {"listen_awaited", awaited_addresses(status)},
              {"device", json_of(status.device)}};
  if (status.is_server) {
    object["target"] = status.target;
    object["target_problem"] = status.target_problem;
    object["keyring"] = json_of(status.keyring);
    object["clients"] = list_of(status.clients);
  } else {
    object["session"] = json_of(status.session);
    object["paths"] = list_of(status.paths);
  }
  object["drops"] = json_of(status.drops);
  object["kernel_drops"] = {{"inside", status.kernel_drops_inside}, {"outside", status.kernel_drops_outside}};
  object["problems"] = status.problems;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string illness_of(const Status& status) {
  if (!status.listens) {
    std::string illness = "it listens nowhere yet";
    for (const AwaitedStatus& awaited : status.awaited)
      illness += fmt::format("; {}: {}", awaited.address, awaited.why);
    return printable(illness);
  }
  if (status.is_server) return printable(status.target_problem);
  if (status.session.state != SessionState::established) return "no session with mpserver";
  return printable(status.outage);
}

std::string answer_request(std::string_view request, const ControlActions& actions) {
  if (request == kAskTable) return render_table(actions.status(), TableWidth::terminal);
  if (request == kAskWideTable) return render_table(actions.status(), TableWidth::wide);
  if (request == kAskJson) return render_json(actions.status());
  if (request == kAskHealth) {
    const std::string illness = illness_of(actions.status());
    return illness.empty() ? "healthy\n" : fmt::format("{}{}\n", kControlError, illness);
  }
  if (request != kAskReload) {
    return fmt::format("{}the requests are '{}', '{}', '{}', '{}' and '{}'\n", kControlError, kAskTable,
                       kAskWideTable, kAskJson, kAskHealth, kAskReload);
  }
  const auto done = actions.reload();
  return done ? *done + '\n' : fmt::format("{}{}\n", kControlError, done.error());
}

}  // namespace mptunnel
