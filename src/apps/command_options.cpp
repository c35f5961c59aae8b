#include "mptunnel/apps/command_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

// word, letter, value, which program has it, what it is, where it is kept
constexpr Option kOptions[] = {
    {"--key-file", "", "FILE", Programs::both, "", &CommandWords::key_file},
    {"--log-level", "", "LEVEL", Programs::both, "", &CommandWords::log_level},
    {"--pid-file", "", "FILE", Programs::both, "write the process id there, and remove the file at the end",
     &CommandWords::pid_file},
    {"--offload", "", "yes|no", Programs::both, "", &CommandWords::offload},
    {"--control", "", "FILE", Programs::both, "", &CommandWords::control},
    {"--check", "", "", Programs::both,
     "read everything, print what was understood, and end; looks up no names", &CommandWords::check},
    {"--status", "", "", Programs::both,
     "show the status of a running instance, named by what it was started with; without arguments, of the "
     "only one that runs",
     &CommandWords::status},
    {"--json", "", "", Programs::both, "with --status: print JSON", &CommandWords::json},
    {"--genkey", "", "", Programs::both, "print a new key and end", &CommandWords::genkey},
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
    {"MPTUNNEL_KEY", "the key itself", &Environment::key},
    {"MPTUNNEL_KEY_FILE",
     "a file with the key. --key-file wins over both, and both win over the configuration.",
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
                         join_words(known, ", "));
    }
    return fmt::format("{} is not a known option: did you mean '{}'?", quote_word(word), nearest);
  }

  std::span<const char* const> arguments_;
  std::size_t next_ = 0;
  Program program_;
  const std::function<void(std::string_view)>& wrong_;
  CommandWords words_;
};

}  // namespace

std::span<const Option> command_options() {
  return kOptions;
}

std::span<const EnvironmentVariable> environment_variables() {
  return kVariables;
}

Environment read_environment() {
  Environment environment;
  for (const EnvironmentVariable& variable : kVariables) {
    if (const char* value = std::getenv(variable.name)) environment.*variable.value = value;
  }
  return environment;
}

CommandWords sort_command_words(std::span<const char* const> arguments, Program program,
                                const std::function<void(std::string_view)>& wrong) {
  return Sorter(arguments, program, wrong).sort();
}

}  // namespace mptunnel
