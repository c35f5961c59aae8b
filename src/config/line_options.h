// The options at the end of a line: `word=VALUE`, or the word alone, each at most once. A line of a bridge
// and one of the keyring have them.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/config/statement.h"
#include "mptunnel/config/text.h"

namespace mptunnel {

/// A row's reader: what `Parse` understands is the value of `Member`.
template <auto Member, auto Parse, typename Target>
std::optional<std::string> read_option_value(std::string_view value, Target& target) {
  auto parsed = Parse(value);
  if (!parsed) return std::move(parsed.error());
  target.*Member = std::move(*parsed);
  return std::nullopt;
}

template <typename Target>
class LineOptions {
 public:
  using Option = LineOption<Target>;

  /// `known` outlives the object.
  explicit LineOptions(std::span<const Option> known) : known_(known), given_(known.size()) {}

  /// Takes one word into `target`, or says what is wrong with it. `explain` does for one that is no option,
  /// nor near to any.
  template <typename Explain>
  std::optional<std::string> read(std::string_view word, Target& target, Explain explain) {
    const std::size_t equals = word.find('=');
    const bool has_value = equals != std::string_view::npos;
    const Option* option = find(word.substr(0, equals));
    if (option == nullptr) {
      const std::string near = explain_unknown(word);
      return near.empty() ? explain(word) : near;
    }
    if (has_value && option->form.empty())
      return fmt::format("option '{0}' takes no value: write '{0}' alone", option->word);
    if (!option->form.empty() && (!has_value || equals + 1 == word.size())) {
      return fmt::format("option '{}' says nothing: write it in one word without blanks, {}", option->word,
                         option->form);
    }
    const auto place = static_cast<std::size_t>(option - known_.data());
    if (given_[place])
      return fmt::format("option '{}' stands twice on this line: keep one of the two", option->word);
    given_[place] = true;
    return option->read(has_value ? word.substr(equals + 1) : "", target);
  }

  /// "bind=, dev=, name=, backup `last` metered"
  [[nodiscard]] std::string list(std::string_view last) const {
    std::string list;
    for (const Option& option : known_) {
      if (!list.empty()) list += &option == &known_.back() ? fmt::format(" {} ", last) : ", ";
      list += text_of(option);
    }
    return list;
  }

 private:
  static std::string text_of(const Option& option) {
    return fmt::format("{}{}", option.word, option.form.empty() ? "" : "=");
  }
  [[nodiscard]] const Option* find(std::string_view word) const {
    const auto found =
        std::find_if(known_.begin(), known_.end(), [&](const Option& option) { return option.word == word; });
    return found == known_.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::string explain_unknown(std::string_view word) const {
    std::vector<std::string_view> words;
    for (const Option& option : known_) words.push_back(option.word);
    const std::string_view nearest = nearest_word(word.substr(0, word.find('=')), words);
    if (nearest.empty()) return {};
    return fmt::format("{} is not a known option: did you mean '{}'?", quote_word(word),
                       text_of(*find(nearest)));
  }

  std::span<const Option> known_;
  std::vector<bool> given_;
};

}  // namespace mptunnel
