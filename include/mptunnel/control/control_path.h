// Where an instance's control socket is by default: RUNTIME/mptunnel/PROGRAM-PORT.sock, with the port of the
// first address that it listens on. RUNTIME is /run for root; else $XDG_RUNTIME_DIR; else /tmp/mptunnel-UID,
// which only its owner may enter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace mptunnel {

/// Which user asks, and what their environment says.
struct RuntimeUser {
  unsigned uid = 0;
  std::string runtime_dir;  ///< XDG_RUNTIME_DIR; empty if it is not set. Only an absolute one counts
  /// Where /tmp/mptunnel-UID is made; another folder in tests.
  std::string temporary = "/tmp";
};
/// This process's.
RuntimeUser current_user();

/// The folder of the sockets. It is not created; only /tmp/mptunnel-UID is, if `make` is set. The error is
/// for people: that folder is another user's, or open to others.
tl::expected<std::string, std::string> control_folder(const RuntimeUser& user, bool make);

/// The name of a socket in that folder.
std::string control_socket_name(std::string_view program, std::uint16_t port);

/// The sockets in `folder` of all running instances of `program`, sorted. Empty if there is no such folder.
std::vector<std::string> running_instances(const std::string& folder, std::string_view program);

}  // namespace mptunnel
