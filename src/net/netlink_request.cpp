#include "netlink_request.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "mptunnel/base/assert.h"
#include "mptunnel/net/loop.h"
#include "netlink_reading.h"
#include "netlink_socket.h"

namespace mptunnel {
namespace {

/// Lists that are cut in two by a change are asked for again this often.
constexpr int kRequestAttempts = 10;

}  // namespace

std::string NetlinkAnswer::why(std::string_view what) const {
  if (error == EPERM) return fmt::format("{}: that needs the capability CAP_NET_ADMIN", what);
  if (error == ETIMEDOUT) return fmt::format("{}: the kernel does not answer", what);
  if (said.empty()) return fmt::format("{}: {}", what, std::strerror(error));
  return fmt::format("{}: {} ({})", what, std::strerror(error), said);
}

NetlinkRequest::NetlinkRequest(std::uint16_t type, unsigned int flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(bytes_.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

void NetlinkRequest::put(std::uint16_t attribute, std::span<const std::uint8_t> bytes) {
  // All that is asked for here is far shorter.
  MPT_ASSERT(mnl_attr_put_check(message(), bytes_.size(), attribute, bytes.size(), bytes.data()));
}

void NetlinkRequest::put_u32(std::uint16_t attribute, std::uint32_t value) {
  put(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

NetlinkAnswer NetlinkRequest::change() {
  message()->nlmsg_flags |= NLM_F_ACK;
  return ask([](std::span<const std::uint8_t>) {}, monotonic_now() + kNetlinkPatience, false);
}

NetlinkAnswer NetlinkRequest::list_all(const std::function<void()>& begin, const Visit& visit) {
  message()->nlmsg_flags |= NLM_F_DUMP;
  const TimePoint deadline = monotonic_now() + kNetlinkPatience;
  NetlinkAnswer answer;
  for (int attempt = 0; attempt < kRequestAttempts; ++attempt) {
    begin();
    answer = ask(visit, deadline, true);
    if (answer.error != EINTR && answer.error != ENOBUFS) break;
  }
  return answer;
}

NetlinkAnswer NetlinkRequest::ask(const Visit& visit, TimePoint deadline, bool is_list) {
  // A new socket each time: no answer to an earlier question is left in it.
  NetlinkSocket socket;
  if (const auto opened = socket.open(0); !opened) return {.error = ENOBUFS, .said = opened.error()};
  if (is_list) socket.list_strictly();
  if (const int error = socket.send(*message()); error != 0) return {.error = error, .said = {}};
  NetlinkAnswer answer;
  bool done = false;
  while (!done) {
    if (!wait_until_readable(socket.fd(), deadline)) return {.error = ETIMEDOUT, .said = {}};
    const NetlinkSocket::Received received = socket.receive();
    if (received.error == EAGAIN) continue;
    if (received.error != 0) return {.error = received.error, .said = {}};
    for_each_message(received.messages, [&](std::span<const std::uint8_t> message) {
      const NetlinkSocket::AnswerState state = socket.answer_state(message);
      if (!state.is_answer || done) return;
      if (state.error != 0) answer = {.error = state.error, .said = state.said};
      done = state.has_ended;
      if (!done) visit(message);
    });
  }
  return answer;
}

std::uint8_t family_number(Family family) {
  return family == Family::ipv4 ? AF_INET : AF_INET6;
}

std::optional<IpAddress> ip_address_in(const nlattr& attribute) {
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  if (size != 4 && size != 16) return std::nullopt;
  return IpAddress::from({static_cast<const std::uint8_t*>(mnl_attr_get_payload(&attribute)), size});
}

const nlmsghdr* whole_message(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < sizeof(nlmsghdr) || bytes.size() > std::size_t{1} << 30U) return nullptr;
  const auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data());
  return mnl_nlmsg_ok(header, static_cast<int>(bytes.size())) ? header : nullptr;
}

}  // namespace mptunnel
