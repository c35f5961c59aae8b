#include "mptunnel/base/shortened.h"

#include <fmt/format.h>

namespace mptunnel {

std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  const std::size_t end = (limit - 3) / 2;
  return fmt::format("{}...{}", text.substr(0, limit - 3 - end), text.substr(text.size() - end));
}

}  // namespace mptunnel
