#include "inner_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace mptunnel {

std::string text_of(const InnerPrefix& prefix) {
  const Endpoint address{.address = prefix.octets, .family = prefix.family};
  return fmt::format("{}/{}", address.address_string(), prefix.length);
}

bool is_any_refused(std::span<const InnerEntry> entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const InnerEntry& entry) { return entry.verdict != InnerVerdict::given; });
}

std::string text_of(std::span<const InnerEntry> entries) {
  std::string given;
  std::string refused;
  for (const InnerEntry& entry : entries) {
    if (entry.kind == InnerKind::server) continue;
    const bool is_given = entry.verdict == InnerVerdict::given;
    std::string text = entry.kind == InnerKind::network ? "network " : "";
    if (entry.kind == InnerKind::automatic && !is_given) {
      text = entry.prefix.family == Family::ipv4 ? "an IPv4 address" : "an IPv6 address";
    } else {
      text += text_of(entry.prefix);
    }
    std::string& list = is_given ? given : refused;
    if (!list.empty()) list += ", ";
    list += is_given ? text : fmt::format("{} ({})", text, name_of(entry.verdict));
  }
  if (given.empty()) given = "nothing";
  return refused.empty() ? given : fmt::format("{}; refused: {}", given, refused);
}

}  // namespace mptunnel
