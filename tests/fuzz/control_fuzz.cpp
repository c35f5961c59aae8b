// Both ends of the control socket: any line as a request, while the status has any bytes as names; and any
// bytes as the answer that --status is to print.
//
//     1 byte: what | bytes of the request, the names or the answer
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/apps/ask_instance.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/control/render.h"

namespace mptunnel::fuzz {
namespace {

using nlohmann::json;

bool is_ascii_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

std::string some_text(Input& input) {
  return std::string(text_of(input.piece(input.u8())));
}

PathStatus some_path(Input& input) {
  PathStatus path;
  const std::uint8_t what = input.u8();
  path.id = what;
  path.state = static_cast<PathState>(what % 4U);
  path.name = some_text(input);
  path.problem = some_text(input);
  path.remote = some_text(input);
  path.device = some_text(input);
  if ((what & 0x80U) != 0) {
    path.rtt.emplace().smoothed = Duration(static_cast<Duration::rep>(input.u32()) << (what % 32U));
    path.out.loss = input.u8() / 255.0;
    path.in.packets = std::uint64_t{input.u32()} << (what % 33U);
    path.mtu_out = input.u32();
  }
  return path;
}

Status some_status(Input& input) {
  Status status;
  const std::uint8_t what = input.u8();
  status.is_server = (what & 1U) != 0;
  status.session.state = static_cast<SessionState>((what >> 1U) % 3U);
  status.config = some_text(input);
  status.listen.push_back(some_text(input));
  status.target = some_text(input);
  status.session.cipher = some_text(input);
  for (unsigned i = what >> 4U & 3U; i > 0; --i) status.paths.push_back(some_path(input));
  for (unsigned i = what >> 6U & 3U; i > 0; --i) {
    ClientStatus& client = status.clients.emplace_back();
    client.client = some_text(input);
    client.key_name = some_text(input);
    client.paths.push_back(some_path(input));
  }
  status.problems.push_back(some_text(input));
  status.awaited.push_back({some_text(input), some_text(input)});
  return status;
}

void check_request(Input& input) {
  const std::string request(text_of(input.rest()));
  const Status status;
  bool was_asked = false;
  bool was_reloaded = false;
  const std::string answer = answer_request(request, {[&] {
                                                        was_asked = true;
                                                        return status;
                                                      },
                                                      [&] {
                                                        was_reloaded = true;
                                                        return tl::expected<std::string, std::string>("read");
                                                      }});
  const bool asks_health = request == kAskHealth;
  MPT_ASSERT(was_asked ==
             (request == kAskTable || request == kAskWideTable || request == kAskJson || asks_health));
  MPT_ASSERT(was_reloaded == (request == kAskReload));
  // A status of nothing is not healthy.
  MPT_ASSERT(((was_asked && !asks_health) || was_reloaded) != answer.starts_with(kControlError));
  MPT_ASSERT(answer.ends_with('\n') && is_ascii_text(answer));
}

void check_status(Input& input) {
  const Status status = some_status(input);
  const ControlActions collect{[&] { return status; }, {}};
  for (const std::string_view request : {kAskTable, kAskWideTable, kAskHealth}) {
    const std::string answer = answer_request(request, collect);
    MPT_ASSERT(answer.ends_with('\n') && is_ascii_text(answer));
  }
  const std::string text = answer_request(kAskJson, collect);
  // One line, one object; and what --status makes of it says the same.
  MPT_ASSERT(text.find('\n') == text.size() - 1);
  const json value = json::parse(text, nullptr, false);
  MPT_ASSERT(value.is_object());
  MPT_ASSERT(json::parse(printable(text, true), nullptr, false) == value);
}

/// Whether the text is UTF-8; nlohmann's own reader decides.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(json(text).dump());
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

void check_answer(Input& input) {
  const std::string answer(text_of(input.rest()));
  for (const bool is_json : {false, true}) {
    const std::string shown = printable(answer, is_json);
    MPT_ASSERT(is_utf8(shown) && !has_control(shown));
    MPT_ASSERT(printable(shown, is_json) == shown);
    MPT_ASSERT(shown == answer || !is_utf8(answer) || has_control(answer));
  }
  // JSON that somebody else could read says the same afterwards. (nlohmann's reader ends at a zero byte.)
  if (answer.find('\0') != std::string::npos) return;
  const json value = json::parse(answer, nullptr, false);
  if (!value.is_discarded()) MPT_ASSERT(json::parse(printable(answer, true), nullptr, false) == value);
}

}  // namespace

void fuzz_control(ConstBytes input) {
  Input bytes(input);
  switch (bytes.u8() % 3) {
    case 0:
      check_request(bytes);
      break;
    case 1:
      check_status(bytes);
      break;
    default:
      check_answer(bytes);
      break;
  }
}

}  // namespace mptunnel::fuzz
