#include "mptunnel/control/requests.h"

#include <fmt/format.h>

#include "mptunnel/control/render.h"

namespace mptunnel {

std::string answer_request(std::string_view request, const std::function<Status()>& status) {
  if (request == kAskTable) return render_table(status());
  if (request == kAskJson) return render_json(status());
  return fmt::format("{}the requests are '{}' and '{}'\n", kControlError, kAskTable, kAskJson);
}

}  // namespace mptunnel
