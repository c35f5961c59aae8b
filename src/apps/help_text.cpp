#include "mptunnel/apps/help_text.h"

#include <fmt/format.h>

#include "mptunnel/apps/command_options.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr std::string_view kClientUsage = "usage: mpclient [options] mpclient.conf\n";

constexpr std::string_view kClientPurpose = R"(
Takes UDP datagrams from applications and sends each over several paths at once to
mpserver, so that they arrive when paths lose packets or die. The configuration has a
line 'HOST PORT' for each path.
)";

constexpr std::string_view kClientExamples = R"(  mpclient mpclient.conf
      run with the bridges in mpclient.conf; applications send to localhost:3000
  (umask 077; mpclient --genkey > tunnel.key)
      make a key; copy the file to the other end
  mpclient --key-file tunnel.key mpclient.conf
      run with this key
  mpclient --check mpclient.conf
      look for mistakes without running
  mpclient --status mpclient.conf
      show the paths of the instance that runs with this file
  MPTUNNEL_ENCRYPT=0 mpclient mpclient.conf
      no encryption, if mpserver is set so too
)";

constexpr std::string_view kServerUsage = R"(usage: mpserver [options] PORT TARGET_HOST TARGET_PORT
       mpserver [options] mpserver.conf
)";

constexpr std::string_view kServerPurpose = R"(
Listens for mpclient's datagrams, however many paths they come by, and passes the first
copy of each on to the target. Answers go back over all paths.
)";

constexpr std::string_view kServerExamples = R"(  mpserver 2000 127.0.0.1 1194
      listen on port 2000 of all addresses, hand datagrams to 127.0.0.1 port 1194
  (umask 077; mpserver --genkey > tunnel.key)
      make a key; copy the file to the other end
  mpserver --key-file tunnel.key 2000 127.0.0.1 1194
      answer only clients that have the key
  mpserver --listen 192.0.2.1 --listen 2001:db8::1 2000 127.0.0.1 1194
      listen on two addresses
  mpserver --check mpserver.conf
      look for mistakes without running
  mpserver --status 2000
      show the clients of the instance that listens on port 2000
)";

constexpr std::string_view kExitCodes = R"(
Exit codes: 0 ended cleanly, 1 the system refused something, 2 a mistake in what was
given.
)";

constexpr std::size_t kWidth = 90;
constexpr std::size_t kOptionColumn = 21;
constexpr std::size_t kStatementColumn = 29;

/// "  TERM   text", the text from `column` on, in as many lines as it takes.
void add_entry(std::string& help, std::string_view term, std::string_view text, std::size_t column) {
  std::string line = fmt::format("  {:<{}}", term, column - 2);
  bool is_first = true;
  for (const std::string_view word : split_words(text)) {
    if (line.size() + 1 + word.size() > kWidth || (is_first && line.size() > column)) {
      help += line + '\n';
      line.assign(column, ' ');
      is_first = true;
    }
    if (!is_first) line += ' ';
    line += word;
    is_first = false;
  }
  help += line + '\n';
}

std::string describe(const Statement& statement) {
  const bool has_default = !statement.default_value.empty();
  const std::string_view unset = has_default ? statement.default_value : statement.default_text;
  if (unset.empty()) return std::string(statement.help);
  return fmt::format("{} ({}{})", statement.help, unset == kMustBeGiven ? "" : "default: ", unset);
}

void add_option(std::string& help, const Option& option) {
  const std::string term = fmt::format("{}{}{}{}{}", option.letter, option.letter.empty() ? "" : ", ",
                                       option.word, option.value.empty() ? "" : " ", option.value);
  // An option that replaces a statement means the same.
  const Statement* statement = find_statement(Program::mpclient, option.word.substr(2));
  add_entry(help, term, option.help.empty() ? describe(*statement) : option.help, kOptionColumn);
}

void add_options(std::string& help, Program program) {
  help += "\nOptions:\n";
  for (const Option& option : command_options()) {
    if (includes(option.programs, program)) add_option(help, option);
  }
}

void add_environment(std::string& help) {
  help += "\nEnvironment:\n";
  for (const EnvironmentVariable& variable : environment_variables())
    add_entry(help, variable.name, variable.help, kOptionColumn);
}

void add_statements(std::string& help, Program program) {
  help += fmt::format("\nStatements of {0}.conf, see {0}.conf(5):\n", name_of(program));
  for (const Statement& statement : statements()) {
    if (includes(statement.programs, program))
      add_entry(help, synopsis_of(statement), describe(statement), kStatementColumn);
  }
}

}  // namespace

std::string_view usage_text(Program program) {
  return program == Program::mpclient ? kClientUsage : kServerUsage;
}

std::string help_text(Program program) {
  const bool is_client = program == Program::mpclient;
  std::string help(usage_text(program));
  help += is_client ? kClientPurpose : kServerPurpose;
  add_options(help, program);
  add_environment(help);
  add_statements(help, program);
  help += kExitCodes;
  help += "\nExamples:\n";
  help += is_client ? kClientExamples : kServerExamples;
  return help;
}

}  // namespace mptunnel
