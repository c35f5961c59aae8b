// Reading rtnetlink messages that may be anything: broken, cut off, or of a kernel to come.
#pragma once

#include <libmnl/libmnl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mptunnel {

template <typename Visit>
int visit_attribute(const nlattr* attribute, void* visit) {
  (*static_cast<Visit*>(visit))(*attribute);
  return MNL_CB_OK;
}

/// The attributes behind a header of `header_bytes`; the first broken one ends them.
template <typename Visit>
void for_each_attribute(const nlmsghdr& message, std::size_t header_bytes, Visit visit) {
  // libmnl takes the message to be filled up to a multiple of 4 bytes, which one that was cut off is not.
  const auto* end = reinterpret_cast<const std::uint8_t*>(&message) + message.nlmsg_len;
  const auto visit_whole = [&](const nlattr& attribute) {
    if (reinterpret_cast<const std::uint8_t*>(&attribute) + attribute.nla_len <= end) visit(attribute);
  };
  mnl_attr_parse(&message, static_cast<unsigned int>(header_bytes), visit_attribute<decltype(visit_whole)>,
                 const_cast<void*>(static_cast<const void*>(&visit_whole)));
}

/// The header before the attributes; nullopt if the message is too short.
template <typename Header>
std::optional<Header> header_of(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return std::nullopt;
  Header header{};
  std::memcpy(&header, mnl_nlmsg_get_payload(&message), sizeof header);
  return header;
}

/// 1 to `longest` characters of printable ASCII, which log lines can show; with or without a final zero.
inline std::optional<std::string> text_in(const nlattr& attribute, std::size_t longest) {
  std::string_view text(static_cast<const char*>(mnl_attr_get_payload(&attribute)),
                        mnl_attr_get_payload_len(&attribute));
  text = text.substr(0, text.find('\0'));
  const auto printable = [](char letter) { return letter > ' ' && letter <= '~'; };
  if (text.empty() || text.size() > longest || !std::all_of(text.begin(), text.end(), printable))
    return std::nullopt;
  return std::string(text);
}

template <typename Number>
std::optional<Number> number_in(const nlattr& attribute) {
  if (mnl_attr_get_payload_len(&attribute) != sizeof(Number)) return std::nullopt;
  Number number{};
  std::memcpy(&number, mnl_attr_get_payload(&attribute), sizeof number);
  return number;
}

/// Calls `visit(std::span<const std::uint8_t> message)` for each of one datagram's; the first broken one ends
/// them.
template <typename Visit>
void for_each_message(std::span<const std::uint8_t> messages, Visit visit) {
  auto left = static_cast<int>(messages.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(messages.data());
  while (mnl_nlmsg_ok(header, left)) {
    visit(std::span(reinterpret_cast<const std::uint8_t*>(header), header->nlmsg_len));
    header = mnl_nlmsg_next(header, &left);
  }
}

}  // namespace mptunnel
