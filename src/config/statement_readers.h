// One line of a configuration as the reader of its statement sees it, and the readers. What a statement may
// say alone is judged here; what it may not say beside others is judged for the whole file (config.cpp).
#pragma once

#include <fmt/format.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mptunnel/config/config_lines.h"
#include "mptunnel/config/statement.h"

namespace mptunnel {

/// What is the same for all lines of a file.
struct ConfigFile {
  std::string folder;  ///< of the configuration, with its last slash; empty if its name has none
  const KeyFileCheck& check_key_file;
  ConfigReport report;
};

struct StatementLine {
  const Statement& statement;
  const ConfigLine& line;
  ConfigFile& file;
  bool failed = false;  ///< whether the report has a mistake of this line

  /// What stands behind the statement's word.
  [[nodiscard]] std::span<const std::string_view> arguments() const;
  /// A mistake on this line.
  void wrong(std::string reason) {
    failed = true;
    file.report.add(line.number, std::move(reason));
  }
  template <typename... Args>
  void wrong(fmt::format_string<Args...> reason, Args&&... args) {
    wrong(fmt::format(reason, std::forward<Args>(args)...));
  }
  /// The only argument; nullopt, and a mistake in the report, if there are none or several.
  std::optional<std::string_view> word();
  /// Whether the only argument is the first of the statement's two ("yes|no"); nullopt, and a mistake in the
  /// report, for anything else.
  std::optional<bool> either();
  /// Whether a file may be named so: no '~' and no quotes, which only a shell takes away.
  bool is_plain_path(std::string_view name);
  /// The only argument as a path, seen from the configuration's folder; empty if it is "none". nullopt, and a
  /// mistake in the report, for what can't be meant.
  std::optional<std::string> path_or_none();
  /// The path that `name` means, seen from the configuration's folder.
  [[nodiscard]] std::string path_of(std::string_view name) const;
};

/// The class of a member, for templates that are given one.
template <typename Class, typename Value>
Class class_of(Value Class::*member);

/// A reader: the only argument, as `Parse` understands it, is the value of `Member`. `Parse` gives a value or
/// what is wrong with the word.
template <auto Member, auto Parse>
void read_word(StatementLine& line, decltype(class_of(Member))& config) {
  const auto word = line.word();
  if (!word) return;
  auto value = Parse(*word);
  if (!value) return line.wrong(std::move(value.error()));
  config.*Member = std::move(*value);
}

/// A reader: one of two words, and the number of the line that it stands on.
template <auto Member, auto LineMember>
void read_switch(StatementLine& line, CommonConfig& config) {
  config.*Member = line.either();
  config.*LineMember = line.line.number;
}

void read_client_listen(StatementLine& line, ClientConfig& config);
void read_server_listen(StatementLine& line, ServerConfig& config);
/// In bridge_line.cpp.
void read_bridge(StatementLine& line, ClientConfig& config);
void read_target(StatementLine& line, ServerConfig& config);
void read_dev_exclude(StatementLine& line, ClientConfig& config);
void read_state(StatementLine& line, ClientConfig& config);
void read_key_file(StatementLine& line, CommonConfig& config);
void read_keys(StatementLine& line, ServerConfig& config);
void read_control(StatementLine& line, CommonConfig& config);
/// In tun_readers.cpp, as all below.
void read_client_tun(StatementLine& line, ClientConfig& config);
void read_server_tun(StatementLine& line, ServerConfig& config);
void read_tun_name(StatementLine& line, CommonConfig& config);
void read_tun_mtu(StatementLine& line, CommonConfig& config);
void read_mss_clamp(StatementLine& line, CommonConfig& config);
void read_route(StatementLine& line, ClientConfig& config);
void read_client_allow(StatementLine& line, ClientConfig& config);
void read_server_allow(StatementLine& line, ServerConfig& config);
void read_client_to_client(StatementLine& line, ServerConfig& config);
void read_up(StatementLine& line, CommonConfig& config);
void read_down(StatementLine& line, CommonConfig& config);

}  // namespace mptunnel
