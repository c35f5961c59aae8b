#include "command_words.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

/// Each list ends with what is mpserver's alone.
constexpr std::array<std::string_view, 6> kValueOptions{"--key-file", "--log-level", "--pid-file",
                                                        "--offload",  "--control",   "--listen"};
constexpr std::array<std::string_view, 13> kOptions{
    "--key-file", "--log-level", "--pid-file", "--offload", "--control", "--check", "--status",
    "--json",     "--genkey",    "--daemon",   "--version", "--help",    "--listen"};

template <std::size_t Size>
std::span<const std::string_view> known_of(const std::array<std::string_view, Size>& options,
                                           bool is_server) {
  return std::span(options).first(is_server ? Size : Size - 1);
}

bool contains(std::span<const std::string_view> options, std::string_view option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::string_view value_name(std::string_view option) {
  if (option == "--log-level") return "LEVEL";
  if (option == "--offload") return "yes|no";
  return option == "--listen" ? "ADDRESS" : "FILE";
}

/// CLI11 stops at its first mistake; we want all of them. So it may take anything, any number of times, and
/// the things that it would still refuse, an option without its value or a flag with one, are taken out
/// before.
class Sorter {
 public:
  Sorter(bool is_server, const std::function<void(std::string_view)>& wrong)
      : options_(known_of(kOptions, is_server)),
        value_options_(known_of(kValueOptions, is_server)),
        is_server_(is_server),
        wrong_(wrong) {}

  CommandWords sort(std::span<const char* const> arguments) {
    const auto dashes = std::find(arguments.begin(), arguments.end(), std::string_view("--"));
    parse(with_values({arguments.begin(), dashes}));
    // What stands behind "--" is no option, whatever it begins with.
    if (dashes != arguments.end())
      words_.positionals.insert(words_.positionals.end(), dashes + 1, arguments.end());
    return std::move(words_);
  }

 private:
  void parse(std::vector<std::string> words) {
    CLI::App app;
    app.set_help_flag("");
    app.allow_extras();
    const auto take_one_each = [&app](const char* option, std::vector<std::string>& values) {
      app.add_option(option, values)->allow_extra_args(false);
    };
    take_one_each("--key-file", words_.key_file);
    take_one_each("--log-level", words_.log_level);
    take_one_each("--pid-file", words_.pid_file);
    take_one_each("--offload", words_.offload);
    take_one_each("--control", words_.control);
    if (is_server_) take_one_each("--listen", words_.listen);
    const auto add_flag = [&app](const char* names, bool& flag) {
      app.add_flag_callback(names, [&flag] { flag = true; })->disable_flag_override();
    };
    add_flag("--check", words_.check);
    add_flag("--genkey", words_.genkey);
    add_flag("--status", words_.status);
    add_flag("--json", words_.json);
    add_flag("--daemon", words_.daemon);
    add_flag("-V,--version", words_.version);
    add_flag("-h,--help", words_.help);
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    try {
      app.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      wrong_(error.what());
    }
    for (std::string& word : app.remaining()) {
      if (word.starts_with('-') && word.size() > 1) {
        wrong_(unknown_option(word));
      } else {
        words_.positionals.push_back(std::move(word));
      }
    }
  }

  /// The words without options that lack their value or have one too much, each of which is a mistake.
  std::vector<std::string> with_values(std::span<const char* const> arguments) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      std::string word = arguments[i];
      const std::string option = word.substr(0, word.find('='));
      if (!contains(value_options_, option)) {
        if (option.size() < word.size() && contains(options_, option)) {
          wrong_(fmt::format("{} takes no value: write '{}'", option, option));
        } else {
          words.push_back(std::move(word));
        }
        continue;
      }
      const bool is_joined = option.size() < word.size();
      const bool has_next = i + 1 < arguments.size() && !std::string_view(arguments[i + 1]).starts_with("--");
      std::string value = is_joined ? word.substr(option.size() + 1) : (has_next ? arguments[i + 1] : "");
      if (!is_joined && has_next) ++i;
      if (value.empty()) {
        wrong_(fmt::format("{} has no value: write '{} {}'", option, option, value_name(option)));
        continue;
      }
      words.push_back(option);
      words.push_back(std::move(value));
    }
    return words;
  }

  [[nodiscard]] std::string unknown_option(std::string_view word) const {
    const std::string_view option = word.substr(0, word.find('='));
    if (option == "--listen")
      return "--listen is an option of mpserver: write 'listen ADDRESS:PORT' in the configuration";
    const std::string_view nearest = nearest_word(option, options_);
    if (nearest.empty()) {
      return fmt::format("{} is not a known option: write one of {}", quote_word(word),
                         join_words(options_, ", "));
    }
    return fmt::format("{} is not a known option: did you mean '{}'?", quote_word(word), nearest);
  }

  std::span<const std::string_view> options_;
  std::span<const std::string_view> value_options_;
  bool is_server_;
  const std::function<void(std::string_view)>& wrong_;
  CommandWords words_;
};

}  // namespace

CommandWords sort_command_words(std::span<const char* const> arguments, bool is_server,
                                const std::function<void(std::string_view)>& wrong) {
  return Sorter(is_server, wrong).sort(arguments);
}

}  // namespace mptunnel
