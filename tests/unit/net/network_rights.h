// A process that may not change the network.
#pragma once

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "namespace_support.h"

namespace mptunnel::test {

/// In the child of in_namespace(): without CAP_NET_ADMIN from now on, and otherwise as before.
inline void give_up_network_rights() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> rights{};
  if (syscall(SYS_capget, &header, rights.data()) != 0) skip_in_namespace();
  constexpr unsigned int kBit = 1U << static_cast<unsigned int>(CAP_NET_ADMIN);
  rights[0].effective &= ~kBit;
  rights[0].permitted &= ~kBit;
  if (syscall(SYS_capset, &header, rights.data()) != 0) skip_in_namespace();
}

}  // namespace mptunnel::test
