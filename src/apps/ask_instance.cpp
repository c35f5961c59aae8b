#include "mptunnel/apps/ask_instance.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>

#include "mptunnel/apps/start.h"
#include "mptunnel/config/config.h"
#include "mptunnel/control/render.h"
#include "mptunnel/host/read_file.h"
#include "mptunnel/net/control_socket.h"

namespace mptunnel {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);
/// By StatusForm.
constexpr std::array kStatusRequests{kAskTable, kAskWideTable, kAskJson, kAskHealth};
/// Of an answer, at a time.
constexpr std::size_t kPieceBytes = 65536;

tl::unexpected<StartError> error(int exit_code, std::vector<std::string> lines) {
  return tl::make_unexpected(StartError{exit_code, std::move(lines)});
}

/// What decides where an instance's socket is.
struct Instance {
  std::string control;  ///< as StartOptions::control
  std::uint16_t port = 0;
};

template <typename Parse>
tl::expected<Instance, StartError> read_instance(const CommandLine& line, Parse parse) {
  const auto text = read_file(line.config_path, kMaxConfigBytes);
  if (!text) return error(kExitUsage, {text.error()});
  const auto config = parse(*text, line.config_path, KeyFileCheck{}, line.tun);
  if (!config) {
    std::vector<std::string> lines;
    for (const ConfigError& mistake : config.error()) lines.push_back(to_string(mistake));
    return error(kExitUsage, std::move(lines));
  }
  return Instance{control_of(line, config->common), config->listen.front().endpoint.port};
}

bool is_socket(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// For an instance that was not found: others' have their sockets elsewhere.
std::string hint_of_other_users(Action action) {
  return fmt::format("if it runs as another user: --control FILE{}",
                     action == Action::reload ? ", or send it SIGHUP" : "");
}

tl::expected<FoundSocket, StartError> find_only_instance(const std::string& program, Action action,
                                                         const std::string& folder) {
  const std::vector<std::string> running = running_instances(folder, program);
  if (running.size() == 1) return FoundSocket{running.front()};
  if (running.empty()) {
    return error(kExitSystem, {fmt::format("{}: no instance of this user runs (none has a socket in {}); {}",
                                           program, folder, hint_of_other_users(action))});
  }
  std::vector<std::string> lines{fmt::format("{}: several instances run; say which one to ask:", program)};
  for (const std::string& path : running)
    lines.push_back(fmt::format("  {} {} --control {}", program,
                                action == Action::reload ? "--reload" : "--status", path));
  return error(kExitUsage, std::move(lines));
}

/// A character of UTF-8 (RFC 3629), and how many bytes it has: 1 to 4.
struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};
/// The code of a byte that belongs to no character.
constexpr char32_t kBroken = 0xffffffff;

/// Whether the byte belongs to the character before it.
bool is_continuation(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xc0U) == 0x80;
}

/// `text` is not empty.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {kBroken, 1};
  char32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return {kBroken, 1};
    code = code << 6U | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  if (code < kLeast[bytes] || is_surrogate || code > 0x10ffff) return {kBroken, 1};
  return {code, bytes};
}

/// C0, DEL and C1, and what is no character.
bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == kBroken;
}

}  // namespace

tl::expected<FoundSocket, StartError> find_instance(const std::string& program, const CommandLine& line,
                                                    const RuntimeUser& user) {
  std::optional<Instance> instance;
  if (!line.control.empty()) {
    instance = Instance{line.control, 0};
  } else if (line.positional) {
    instance = Instance{"", line.positional->listen.front().endpoint.port};
  } else if (line.status_port) {
    instance = Instance{"", *line.status_port};
  } else if (is_socket(line.config_path)) {
    return FoundSocket{line.config_path, true};
  } else if (!line.config_path.empty()) {
    auto read = program == "mpserver" ? read_instance(line, parse_server_config)
                                      : read_instance(line, parse_client_config);
    if (!read) return tl::make_unexpected(read.error());
    instance = std::move(*read);
  }
  if (instance && instance->control == "none")
    return error(kExitUsage,
                 {fmt::format("{}: an instance without a control socket can't be asked", program)});
  if (instance && !instance->control.empty()) return FoundSocket{instance->control, !line.control.empty()};
  const auto folder = control_folder(user, false);
  if (!folder) return error(kExitSystem, {fmt::format("{}: {}", program, folder.error())});
  if (!instance) return find_only_instance(program, line.action, *folder);
  return FoundSocket{*folder + '/' + control_socket_name(program, instance->port)};
}

std::string printable(std::string_view answer, bool is_json) {
  std::string text;
  text.reserve(answer.size());
  while (!answer.empty()) {
    const Character character = first_character(answer);
    if (!is_control(character.code) || character.code == '\n') {
      text.append(answer.substr(0, character.bytes));
    } else if (!is_json || character.code == kBroken) {
      text += '?';
    } else if (character.code == '\t' || character.code == '\r') {
      text += ' ';  // JSON has them between its words alone
    } else {
      fmt::format_to(std::back_inserter(text), "\\u{:04x}", static_cast<std::uint32_t>(character.code));
    }
    answer.remove_prefix(character.bytes);
  }
  return text;
}

void print(std::string_view answer, bool is_json, std::FILE* file) {
  while (!answer.empty()) {
    std::size_t end = std::min(answer.size(), kPieceBytes);
    // A character has at most three bytes more behind its first.
    for (int i = 0; i < 3 && end < answer.size() && is_continuation(answer[end]); ++i) --end;
    std::fputs(printable(answer.substr(0, end), is_json).c_str(), file);
    answer.remove_prefix(end);
  }
}

int ask_instance(const std::string& program, const CommandLine& line) {
  const auto found = find_instance(program, line, current_user());
  if (!found) return report(found.error());
  const ControlAsker asker{.named = found->is_named};
  const std::string_view request = line.action == Action::reload
                                       ? kAskReload
                                       : kStatusRequests.at(static_cast<std::size_t>(line.status_form));
  const auto answer = ask_control(found->path, request, kPatience, asker);
  if (!answer) {
    const bool is_missing = !is_socket(found->path) && line.control.empty();
    return report({kExitSystem,
                   {fmt::format("{}: {}{}{}", program, answer.error(), is_missing ? "; " : "",
                                is_missing ? hint_of_other_users(line.action) : "")}});
  }
  const bool is_error = answer->starts_with(kControlError);
  print(*answer, line.status_form == StatusForm::json && !is_error, is_error ? stderr : stdout);
  return is_error ? kExitSystem : 0;
}

}  // namespace mptunnel
