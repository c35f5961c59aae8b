// What --help and a call without arguments print.
#pragma once

#include <string>

namespace mptunnel {

struct HelpText {
  std::string usage;  ///< the forms of the call, a line each
  std::string help;   ///< the usage, what the program is for, options, environment and examples
};

const HelpText& mpclient_help();
const HelpText& mpserver_help();

}  // namespace mptunnel
