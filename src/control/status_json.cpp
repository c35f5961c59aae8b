#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "mptunnel/control/render.h"

namespace mptunnel {
namespace {

using Json = nlohmann::ordered_json;

/// Three decimals: microseconds if `Unit` is a millisecond.
template <typename Unit>
Json in_units(const std::optional<Duration>& span) {
  if (!span) return nullptr;
  return std::round(std::chrono::duration<double, typename Unit::period>(*span).count() * 1000) / 1000;
}

/// Does nothing with a field.
struct IgnoreField {
  template <typename Value>
  void operator()(const char* /*name*/, const Value& /*value*/) const {}
};
template <typename Value>
concept HasFields = requires(const Value& value) {
  value.for_each_field(IgnoreField{});
};

Json to_json(const Seconds& value) {
  return in_units<std::chrono::seconds>(value.span);
}
Json to_json(const Milliseconds& value) {
  return in_units<std::chrono::milliseconds>(value.span);
}
Json to_json(const DropCounters& drops) {
  Json object = Json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] > 0) object[name_of(reason)] = drops[reason];
  }
  return object;
}
template <typename Value>
Json to_json(const Value& value) {
  return value;
}
template <HasFields Value>
Json to_json(const Value& value);
template <typename Value>
Json to_json(const std::optional<Value>& value) {
  return value ? to_json(*value) : Json(nullptr);
}
template <typename Value>
Json to_json(const std::vector<Value>& values) {
  Json array = Json::array();
  for (const Value& value : values) array.push_back(to_json(value));
  return array;
}
template <HasFields Value>
Json to_json(const Value& value) {
  Json object = Json::object();
  value.for_each_field([&object](const char* name, const auto& field) { object[name] = to_json(field); });
  return object;
}

}  // namespace

std::string render_json(const Status& status) {
  return to_json(status).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace mptunnel
