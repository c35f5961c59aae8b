#include "mptunnel/host/machine_id.h"

#include <unistd.h>

#include <array>
#include <fstream>

namespace mptunnel {

std::string machine_id() {
  for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"}) {
    std::string id;
    if (std::ifstream file(path); file >> id && !id.empty() && id != "uninitialized") return id;
  }
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

}  // namespace mptunnel
