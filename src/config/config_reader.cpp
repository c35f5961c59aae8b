#include "config_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "mptunnel/config/text.h"

namespace mptunnel {

bool reads_as_bridge(const ConfigLine& line) {
  return line.words.size() >= 2 && parse_host(line.words[0]) && parse_port(line.words[1]);
}

std::string explain_unknown_statement(const ConfigLine& line, Program program) {
  const std::string_view word = line.words.front();
  const auto is_known = [program](std::string_view text) {
    return !text.empty() && find_statement(program, text) != nullptr;
  };
  const std::string lower = lower_case(word);
  const std::string plain = lower.substr(0, lower.find_first_of("=:"));
  if (plain == "key" || plain == "psk" || looks_like_key(word)) {
    return "a key never stands in a configuration: put it in a file that only you can read, and write "
           "'key-file FILE'";
  }
  if (is_known(lower))
    return fmt::format("{} is not known: write '{}' in small letters", quote_word(word), lower);
  if (plain.size() < lower.size() && is_known(plain)) {
    return fmt::format("{} has a '{}' behind '{}': write a blank instead", quote_word(word),
                       word[plain.size()], plain);
  }
  // A host like bridge1 is near to a statement too; no statement has a digit.
  if (std::any_of(word.begin(), word.end(), [](char letter) { return letter >= '0' && letter <= '9'; }))
    return {};
  const std::string_view nearest = nearest_word(word, statement_words(program));
  if (nearest.empty()) return {};
  return fmt::format("{} is not a known statement: did you mean '{}'?", quote_word(word), nearest);
}

}  // namespace mptunnel
