// Tests in a network namespace of their own, with TUN devices.
#pragma once

#include "ip_command.h"
#include "namespace_support.h"

namespace mptunnel::test {

/// Whether TUN devices can be made. Loopback is up then.
inline bool has_tun() {
  return run_ip("link set lo up") && run_ip("tuntap add dev probe0 mode tun") &&
         run_ip("link del dev probe0");
}

/// Skips the test if `set_up` can't do its work for want of them.
inline void in_tun_namespace(void (*body)(), bool (*set_up)() = has_tun) {
  in_namespace(set_up, body, "no right to make a network namespace, or no ip(8) or TUN devices");
}

}  // namespace mptunnel::test
