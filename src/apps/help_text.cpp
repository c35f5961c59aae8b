#include "mptunnel/apps/help_text.h"

#include <string_view>

namespace mptunnel {
namespace {

constexpr std::string_view kOptions =
    R"(  --key-file FILE    the key that both ends share; only its owner may be able to read it
  --log-level LEVEL  debug, info, warning or error (default: info)
  --offload yes|no   whether the kernel may split and join datagrams (default: yes)
  --check            read everything, say what was understood, and end; looks up no names
  --genkey           print a new key and end
  --daemon           run in the background; messages go to syslog once it works
  --pid-file FILE    write the process id there, and remove the file at the end
  --status           ask a running instance, started with the same arguments, how its paths
                     are; without arguments the only one that runs
  --json             with --status: print JSON
  --control FILE     the socket by which --status asks, for running and for asking; 'none':
                     there is none (default: one below the runtime directory)
  -V, --version      print the version and end
  -h, --help         print this and end

Environment:
  MPTUNNEL_ENCRYPT   0: datagrams travel in the clear, if the other end says so too; 1: they
                     are encrypted. Wins over the configuration.
  MPTUNNEL_KEY       the key itself
  MPTUNNEL_KEY_FILE  a file with the key. --key-file wins over both, and both win over the
                     configuration.

Exit codes: 0 ended cleanly, 1 the system refused something, 2 a mistake in what was given.

Examples:
)";

constexpr std::string_view kClientUsage = "usage: mpclient [options] mpclient.conf\n";

constexpr std::string_view kClientPurpose = R"(
Takes UDP datagrams from applications and sends each over several paths at once to
mpserver, so that they arrive when paths lose packets or die. The configuration has a
line 'HOST PORT' for each path.

Options:
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
      no encryption, if mpserver is run so too
)";

constexpr std::string_view kServerUsage = R"(usage: mpserver [options] PORT TARGET_HOST TARGET_PORT
       mpserver [options] mpserver.conf
)";

constexpr std::string_view kServerPurpose = R"(
Listens for mpclient's datagrams, however many paths they come by, and hands the first
copy of each to the target. Answers go back over all paths.

Options:
  --listen ADDRESS   listen on this address alone, not on all; may be repeated. Only with
                     PORT; a configuration file has 'listen ADDRESS:PORT'
)";

constexpr std::string_view kServerExamples = R"(  mpserver 2000 127.0.0.1 1194
      listen on port 2000 of all addresses, hand datagrams to 127.0.0.1 port 1194
  (umask 077; mpserver --genkey > tunnel.key)
      make a key; copy the file to the other end
  mpserver --key-file tunnel.key 2000 127.0.0.1 1194
      answer only those who have the key
  mpserver --listen 192.0.2.1 --listen 2001:db8::1 2000 127.0.0.1 1194
      listen on two addresses
  mpserver --check mpserver.conf
      look for mistakes without running
  mpserver --status 2000
      show the clients of the instance that listens on port 2000
)";

HelpText make_help(std::string_view usage, std::string_view purpose, std::string_view examples) {
  HelpText text;
  text.usage = usage;
  text.help = usage;
  for (const std::string_view part : {purpose, kOptions, examples}) text.help += part;
  return text;
}

}  // namespace

const HelpText& mpclient_help() {
  static const HelpText text = make_help(kClientUsage, kClientPurpose, kClientExamples);
  return text;
}

const HelpText& mpserver_help() {
  static const HelpText text = make_help(kServerUsage, kServerPurpose, kServerExamples);
  return text;
}

}  // namespace mptunnel
