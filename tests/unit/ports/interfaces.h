// A table of interfaces as a test wants it.
#pragma once

#include <string>
#include <string_view>

#include "mptunnel/net/interfaces.h"
#include "unit/net/netlink_messages.h"

namespace mptunnel::test {

/// Adds the interface, or changes it.
inline void set_interface(InterfaceTable& table, int index, const std::string& name, bool is_up = true,
                          const std::string& kind = {}) {
  table.apply(link_message({.index = index, .name = name, .kind = kind, .flags = is_up ? kUsable : 0U}));
}
inline void remove_interface(InterfaceTable& table, int index, const std::string& name) {
  table.apply(link_message({.index = index, .name = name}, RTM_DELLINK));
}
inline void add_address(InterfaceTable& table, std::uint32_t index, std::string_view text) {
  table.apply(address_message({.local = text, .index = index}));
}
inline void remove_address(InterfaceTable& table, std::uint32_t index, std::string_view text) {
  table.apply(address_message({.local = text, .index = index}, RTM_DELADDR));
}

}  // namespace mptunnel::test
