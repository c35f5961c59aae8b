#include "mptunnel/ports/routing.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace mptunnel {
namespace {

/// 0: none, 1: strict, 2: loose. 0 if it can't be read.
int rp_filter_of(const std::string& interface) {
  std::ifstream file(fmt::format("/proc/sys/net/ipv4/conf/{}/rp_filter", interface));
  int value = 0;
  return file >> value ? value : 0;
}

}  // namespace

ReversePathFilter SystemRouting::reverse_path_filter(const std::string& interface) {
  // The larger one counts (Documentation/networking/ip-sysctl.rst).
  const int of_all = rp_filter_of("all");
  const int own = rp_filter_of(interface);
  if (std::max(of_all, own) != 1) return {};
  return {true, fmt::format("net.ipv4.conf.{}.rp_filter", own == 1 ? interface : "all")};
}

}  // namespace mptunnel
