#include "mptunnel/apps/check.h"

#include <fmt/format.h>

#include <iterator>
#include <variant>

#include "mptunnel/config/statement.h"

namespace mptunnel {
namespace {

void add_line(std::string& text, std::string_view what, std::string_view value) {
  fmt::format_to(std::back_inserter(text), "{:<12}{}\n", what, value);
}

void add_lines(std::string& text, const Statement& statement, const CheckLines& lines) {
  for (const std::string& line : lines)
    add_line(text, statement.label.empty() ? statement.word : statement.label, line);
}

/// What the configuration alone decides.
template <typename Config>
void add_config(std::string& text, const Config& config) {
  for (const Statement& statement : statements()) {
    if (const auto* show = std::get_if<ShowStatement<Config>>(&statement.show)) {
      add_lines(text, statement, (*show)(config));
    } else if (const auto* show_common = std::get_if<ShowStatement<CommonConfig>>(&statement.show)) {
      add_lines(text, statement, (*show_common)(config.common));
    }
  }
}

/// What the command line and the environment have their say in.
void add_options(std::string& text, const StartOptions& options) {
  for (const Statement& statement : statements()) {
    if (statement.word == "control") {  // after the other things that the process leaves on the system
      if (options.daemon) add_line(text, "daemon", "yes");
      if (!options.pid_file.empty()) add_line(text, "pid file", options.pid_file);
    }
    if (const auto* show = std::get_if<ShowStatement<Settings>>(&statement.show))
      add_lines(text, statement, (*show)(options));
  }
}

template <typename Start>
std::string render(const Start& start) {
  const std::string& file = start.options.config_path;
  std::string text = fmt::format("{}: no mistakes\n", file.empty() ? "command line" : file);
  add_config(text, start.config);
  add_options(text, start.options);
  return text;
}

}  // namespace

std::string render_check(const ClientStart& start) {
  return render(start);
}

std::string render_check(const ServerStart& start) {
  return render(start);
}

}  // namespace mptunnel
