// What --check prints of a statement's value: for each type of values, and for what takes more than one value
// to say.
#pragma once

#include "mptunnel/config/quantity.h"
#include "mptunnel/config/statement.h"

namespace mptunnel {

CheckLines lines_of(std::size_t number);
CheckLines lines_of(LogLevel level);
CheckLines lines_of(const HostPort& address);
CheckLines lines_of(const KeySource& key);
CheckLines lines_of(const std::string& word);                ///< none if it is empty
CheckLines lines_of(const std::vector<std::string>& words);  ///< all in one line; none if there are none
CheckLines lines_of(const std::vector<ListenAddress>& addresses);
CheckLines lines_of(const std::vector<BridgeConfig>& bridges);

/// The value of `Member`.
template <auto Member>
CheckLines show(const decltype(class_of(Member))& source) {
  return lines_of(source.*Member);
}

/// A duration between two things that happen again and again.
template <auto Member>
CheckLines show_interval(const decltype(class_of(Member))& source) {
  return {"every " + duration_text(source.*Member)};
}

/// A switch, and where its value comes from.
template <auto Member, auto Origin>
CheckLines show_switch(const Settings& settings) {
  return {std::string(settings.*Member ? "yes" : "no") + " (" + settings.*Origin + ")"};
}

CheckLines show_cipher(const Settings& settings);
CheckLines show_dscp(const CommonConfig& config);
CheckLines show_control(const Settings& settings);

}  // namespace mptunnel
