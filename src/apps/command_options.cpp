#include "mptunnel/apps/command_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

// word, letter, value, which program has it, what it is, where it is kept
constexpr Option kOptions[] = {
    {"--key-file", "", "FILE", Programs::both, "", &CommandWords::key_file},
    {"--keys", "", "FILE", Programs::mpserver, "", &CommandWords::keys},
    {"--log-level", "", "LEVEL", Programs::both, "", &CommandWords::log_level},
    {"--pid-file", "", "FILE", Programs::both, "write the process id there, and remove the file at the end",
     &CommandWords::pid_file},
    {"--offload", "", "yes|no", Programs::both, "", &CommandWords::offload},
    {"--control", "", "FILE", Programs::both, "", &CommandWords::control},
    {"--tun", "", "ADDRESS/PREFIX", Programs::both, "", &CommandWords::tun},
    {"--check", "", "", Programs::both,
     "read everything, print what was understood, and end; looks up no names", &CommandWords::check},
    {"--status", "", "", Programs::both,
     "show the status of a running instance, named by what it was started with; without arguments, of the "
     "only one that runs",
     &CommandWords::status},
    {"--json", "", "", Programs::both, "with --status: print JSON", &CommandWords::json},
    {"--wide", "", "", Programs::both, "with --status: print all columns, however wide", &CommandWords::wide},
    {"--healthy", "", "", Programs::both,
     "with --status: print 'healthy' and exit with 0, or say what is missing (an address to listen on; "
     "mpclient: a session, and a path that carries data; mpserver: a target that can be reached) and exit "
     "with 1",
     &CommandWords::healthy},
    {"--reload", "", "", Programs::mpserver,
     "have a running instance, named as with --status, read its keys again; so does SIGHUP",
     &CommandWords::reload},
    {"--genkey", "", "", Programs::both,
     "print a new key and end; with a NAME as argument, 'NAME KEY', the line for a client of that name: in "
     "mpserver's keyring, and as its key file",
     &CommandWords::genkey},
    {"--daemon", "", "", Programs::both, "run in the background; messages go to syslog once it works",
     &CommandWords::daemon},
    {"--version", "-V", "", Programs::both, "print the version and end", &CommandWords::version},
    {"--help", "-h", "", Programs::both, "print this and end", &CommandWords::help},
    {"--listen", "", "ADDRESS", Programs::mpserver,
     "listen on this address alone, not on all; may be repeated. Only with PORT; a configuration file has "
     "'listen ADDRESS:PORT'",
     &CommandWords::listen},
};

constexpr EnvironmentVariable kVariables[] = {
    {"MPTUNNEL_ENCRYPT",
     "0: datagrams are sent in the clear, if the other end is set so too; 1: they are encrypted. Wins over "
     "the configuration.",
     &Environment::encrypt},
    {"MPTUNNEL_KEY", "the key itself; it is removed from the environment", &Environment::key, true},
    {"MPTUNNEL_KEY_FILE",
     "a file with the key; one without a slash is looked for in systemd's $CREDENTIALS_DIRECTORY first, as "
     "--key-file and --keys are. --key-file wins over both, and both win over the configuration.",
     &Environment::key_file},
};

/// Sorts one command line, and tells all its mistakes.
class Sorter {
 public:
  Sorter(std::span<const char* const> arguments, Program program,
         const std::function<void(std::string_view)>& wrong)
      : arguments_(arguments), program_(program), wrong_(wrong) {}

  CommandWords sort() {
    bool are_options = true;
    while (next_ < arguments_.size()) {
      const std::string_view word = arguments_[next_++];
      if (!are_options || !word.starts_with('-') || word == "-") {
        words_.positionals.emplace_back(word);
      } else if (word == "--") {
        are_options = false;
      } else if (word.starts_with("--")) {
        read_word(word);
      } else {
        read_letters(word.substr(1));
      }
    }
    return std::move(words_);
  }

 private:
  void read_word(std::string_view word) {
    const std::size_t equals = word.find('=');
    const bool is_joined = equals != std::string_view::npos;
    const auto* const option =
        std::find_if(std::begin(kOptions), std::end(kOptions),
                     [&](const Option& known) { return known.word == word.substr(0, equals); });
    if (option == std::end(kOptions) || !includes(option->programs, program_))
      return wrong_(unknown_option(word));
    if (const auto* flag = std::get_if<bool CommandWords::*>(&option->target)) {
      if (is_joined) return wrong_(fmt::format("{0} takes no value: write '{0}'", option->word));
      words_.** flag = true;
      return;
    }
    const std::string_view value = is_joined ? word.substr(equals + 1) : take_value();
    if (value.empty())
      return wrong_(fmt::format("{0} has no value: write '{0} {1}'", option->word, option->value));
    (words_.*std::get<std::vector<std::string> CommandWords::*>(option->target)).emplace_back(value);
  }

  /// The next word, unless it is an option.
  std::string_view take_value() {
    if (next_ == arguments_.size() || std::string_view(arguments_[next_]).starts_with("--")) return {};
    return arguments_[next_++];
  }

  /// "hV": several options of one letter in one word. All of them are flags.
  void read_letters(std::string_view letters) {
    for (; !letters.empty(); letters.remove_prefix(1)) {
      const auto* const option =
          std::find_if(std::begin(kOptions), std::end(kOptions), [&](const Option& known) {
            return !known.letter.empty() && known.letter.back() == letters.front();
          });
      if (option == std::end(kOptions)) return wrong_(unknown_option(fmt::format("-{}", letters)));
      words_.*std::get<bool CommandWords::*>(option->target) = true;
    }
  }

  [[nodiscard]] std::string unknown_option(std::string_view word) const {
    const std::string_view option = word.substr(0, word.find('='));
    if (option == "--listen")
      return "--listen is an option of mpserver: write 'listen ADDRESS:PORT' in the configuration";
    std::vector<std::string_view> known;
    for (const Option& row : kOptions) {
      if (includes(row.programs, program_)) known.push_back(row.word);
    }
    const std::string_view nearest = nearest_word(option, known);
    if (nearest.empty()) {
      return fmt::format("{} is not a known option: write one of {}", quote_word(word),
                         fmt::join(known, ", "));
    }
    return fmt::format("{} is not a known option: did you mean '{}'?", quote_word(word), nearest);
  }

  std::span<const char* const> arguments_;
  std::size_t next_ = 0;
  Program program_;
  const std::function<void(std::string_view)>& wrong_;
  CommandWords words_;
};

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
  mpclient --tun 10.42.42.2/24 mpclient.conf
      carry IP packets, by a network interface with this address
  mpclient --check mpclient.conf
      look for mistakes without running
  mpclient --status mpclient.conf
      show the paths of the instance that runs with this file
  MPTUNNEL_ENCRYPT=0 mpclient mpclient.conf
      no encryption, if mpserver is set so too
)";

constexpr std::string_view kServerUsage = R"(usage: mpserver [options] PORT TARGET_HOST TARGET_PORT
       mpserver [options] --tun ADDRESS/PREFIX PORT
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
  (umask 077; mpserver --genkey alice > alice.key; cat alice.key >> clients.keys)
      make a key for one client: alice.key is its key file, and a line in clients.keys
  mpserver --keys clients.keys 2000 127.0.0.1 1194
      answer the clients in that file, and each only with its own key
  mpserver --listen 192.0.2.1 --listen 2001:db8::1 2000 127.0.0.1 1194
      listen on two addresses
  mpserver --tun 10.42.42.1/24 5678
      listen on port 5678, and carry IP packets by a network interface with this address
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
  const Program program = option.programs == Programs::mpserver ? Program::mpserver : Program::mpclient;
  const Statement* statement = find_statement(program, option.word.substr(2));
  add_entry(help, term, option.help.empty() ? describe(*statement) : option.help, kOptionColumn);
}

void add_options(std::string& help, Program program) {
  help += "\nOptions:\n";
  for (const Option& option : kOptions) {
    if (includes(option.programs, program)) add_option(help, option);
  }
}

void add_environment(std::string& help) {
  help += "\nEnvironment:\n";
  for (const EnvironmentVariable& variable : kVariables)
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

std::span<const Option> command_options() {
  return kOptions;
}

std::span<const EnvironmentVariable> environment_variables() {
  return kVariables;
}

Environment take_environment() {
  Environment environment;
  for (const EnvironmentVariable& variable : kVariables) {
    char* const value = std::getenv(variable.name);
    if (value == nullptr) continue;
    environment.*variable.value = SecretText(value);
    if (!variable.is_secret) continue;
    explicit_bzero(value, std::strlen(value));
    unsetenv(variable.name);
  }
  return environment;
}

CommandWords sort_command_words(std::span<const char* const> arguments, Program program,
                                const std::function<void(std::string_view)>& wrong) {
  return Sorter(arguments, program, wrong).sort();
}

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
