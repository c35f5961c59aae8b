// One request of rtnetlink, and its answer: a change that is acknowledged, or a list. It takes at most
// kNetlinkPatience, and needs no loop.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/time.h"
#include "mptunnel/ip/ip_address.h"

namespace mptunnel {

/// The kernel answers within the call that asks it; a longer silence is a broken system.
inline constexpr Duration kNetlinkPatience = std::chrono::seconds{1};
/// Rows of a list that are kept: what is beyond is an error (E2BIG).
inline constexpr std::size_t kMaxNetlinkRows = 16384;

struct NetlinkAnswer {
  int error = 0;     ///< errno
  std::string said;  ///< by the kernel besides

  [[nodiscard]] bool is_good() const { return error == 0; }
  /// "WHAT: REASON", for people.
  [[nodiscard]] std::string why(std::string_view what) const;
};

class NetlinkRequest {
 public:
  /// `type`: RTM_*. `flags`: NLM_F_* besides NLM_F_REQUEST.
  NetlinkRequest(std::uint16_t type, unsigned int flags);
  NetlinkRequest(const NetlinkRequest&) = delete;
  NetlinkRequest& operator=(const NetlinkRequest&) = delete;
  ~NetlinkRequest() = default;

  /// The header behind netlink's own, first of all.
  template <typename Header>
  void put_header(const Header& header) {
    auto* place = static_cast<Header*>(mnl_nlmsg_put_extra_header(message(), sizeof(Header)));
    *place = header;
  }
  void put(std::uint16_t attribute, std::span<const std::uint8_t> bytes);
  void put_u8(std::uint16_t attribute, std::uint8_t value) { put(attribute, {&value, sizeof value}); }
  void put_u32(std::uint16_t attribute, std::uint32_t value);
  void put_address(std::uint16_t attribute, const IpAddress& address) { put(attribute, address.bytes()); }

  /// Has the change made.
  NetlinkAnswer change();

  /// Has it listed, anew if something changed meanwhile. `read` makes a row of a message, or nothing of it.
  template <typename Row, typename Read>
  tl::expected<std::vector<Row>, NetlinkAnswer> list(Read read) {
    std::vector<Row> rows;
    bool is_full = false;
    const NetlinkAnswer answer = list_all([&] { rows.clear(); },
                                          [&](std::span<const std::uint8_t> bytes) {
                                            std::optional<Row> row = read(bytes);
                                            if (!row) return;
                                            is_full = is_full || rows.size() == kMaxNetlinkRows;
                                            if (!is_full) rows.push_back(*std::move(row));
                                          });
    if (!answer.is_good()) return tl::make_unexpected(answer);
    if (is_full) return tl::make_unexpected(NetlinkAnswer{.error = E2BIG, .said = {}});
    return rows;
  }

 private:
  using Visit = std::function<void(std::span<const std::uint8_t>)>;

  NetlinkAnswer list_all(const std::function<void()>& begin, const Visit& visit);
  /// Sends, and reads until the answer ends.
  NetlinkAnswer ask(const Visit& visit, TimePoint deadline, bool is_list);
  nlmsghdr* message() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }

  alignas(nlmsghdr) std::array<std::uint8_t, 512> bytes_{};
};

/// The family's number, AF_INET or AF_INET6.
std::uint8_t family_number(Family family);
/// An address of either family, as its size says; nullopt if it is none.
std::optional<IpAddress> ip_address_in(const nlattr& attribute);
/// A message that is whole, as it came: nullptr if it is none.
const nlmsghdr* whole_message(std::span<const std::uint8_t> bytes);

}  // namespace mptunnel
