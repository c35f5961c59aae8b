#include "mptunnel/apps/ask_status.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "mptunnel/apps/start.h"
#include "mptunnel/config/config.h"
#include "mptunnel/control/render.h"
#include "mptunnel/host/read_file.h"
#include "mptunnel/net/control_socket.h"

namespace mptunnel {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);

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
  const auto config = parse(*text, line.config_path, KeyFileCheck{});
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

tl::expected<std::string, StartError> find_only_instance(const std::string& program,
                                                         const std::string& folder) {
  const std::vector<std::string> running = running_instances(folder, program);
  if (running.size() == 1) return running.front();
  if (running.empty()) {
    return error(kExitSystem, {fmt::format("{}: no instance of this user runs (none has a socket in {})",
                                           program, folder)});
  }
  std::vector<std::string> lines{fmt::format("{}: several instances run; say which one to ask:", program)};
  for (const std::string& path : running)
    lines.push_back(fmt::format("  {} --status --control {}", program, path));
  return error(kExitUsage, std::move(lines));
}

}  // namespace

tl::expected<std::string, StartError> find_instance(const std::string& program, const CommandLine& line,
                                                    const RuntimeUser& user) {
  std::optional<Instance> instance;
  if (!line.control.empty()) {
    instance = Instance{line.control, 0};
  } else if (line.positional) {
    instance = Instance{"", line.positional->listen.front().endpoint.port};
  } else if (line.status_port) {
    instance = Instance{"", *line.status_port};
  } else if (is_socket(line.config_path)) {
    return line.config_path;
  } else if (!line.config_path.empty()) {
    auto read = program == "mpserver" ? read_instance(line, parse_server_config)
                                      : read_instance(line, parse_client_config);
    if (!read) return tl::make_unexpected(read.error());
    instance = std::move(*read);
  }
  if (instance && instance->control == "none")
    return error(kExitUsage,
                 {fmt::format("{}: an instance without a control socket can't be asked", program)});
  if (instance && !instance->control.empty()) return instance->control;
  const auto folder = control_folder(user, false);
  if (!folder) return error(kExitSystem, {fmt::format("{}: {}", program, folder.error())});
  if (!instance) return find_only_instance(program, *folder);
  return *folder + '/' + control_socket_name(program, instance->port);
}

int ask_status(const std::string& program, const CommandLine& line) {
  const auto path = find_instance(program, line, current_user());
  if (!path) return report(path.error());
  const auto answer = ask_control(*path, line.json ? kAskJson : kAskTable, kPatience);
  if (!answer) return report({kExitSystem, {fmt::format("{}: {}", program, answer.error())}});
  const bool is_error = answer->starts_with(kControlError);
  std::fputs(answer->c_str(), is_error ? stderr : stdout);
  return is_error ? kExitSystem : 0;
}

}  // namespace mptunnel
