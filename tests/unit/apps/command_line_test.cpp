#include "mptunnel/apps/command_line.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace mptunnel {
namespace {

using Words = std::vector<const char*>;

tl::expected<CommandLine, StartError> client(Words words, const Environment& environment = {}) {
  words.insert(words.begin(), "/usr/bin/mpclient");
  return parse_command_line(Program::mpclient, static_cast<int>(words.size()), words.data(), environment,
                            "1.2.3");
}

tl::expected<CommandLine, StartError> server(Words words, const Environment& environment = {}) {
  words.insert(words.begin(), "mpserver");
  return parse_command_line(Program::mpserver, static_cast<int>(words.size()), words.data(), environment,
                            "1.2.3");
}

Environment with_encrypt(const char* value) {
  Environment environment;
  environment.encrypt = value;
  return environment;
}

std::string listen_text(const ServerConfig& config) {
  std::string text;
  for (const ListenAddress& address : config.listen) text += to_string(address) + " ";
  return text;
}

const std::string kSomeKey = std::string(43, 'A') + "=";

TEST(CommandLine, ServerTakesPortAndTargetAsEver) {
  const auto line = server({"2000", "127.0.0.1", "1194"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::run);
  ASSERT_TRUE(line->positional);
  EXPECT_EQ(listen_text(*line->positional), "0.0.0.0:2000 [::]:2000 ");
  EXPECT_FALSE(line->positional->listen[0].may_be_missing);
  EXPECT_TRUE(line->positional->listen[1].may_be_missing);
  EXPECT_EQ(line->positional->target, (HostPort{"127.0.0.1", 1194}));
  EXPECT_EQ(line->config_path, "");
  EXPECT_EQ(line->key.kind, KeySource::Kind::none);
  EXPECT_FALSE(line->encrypt);
  EXPECT_FALSE(line->log_level);
  EXPECT_FALSE(line->daemon);
}

TEST(CommandLine, ServerTakesIpv6TargetsWithAndWithoutBrackets) {
  EXPECT_EQ(server({"2000", "::1", "1194"})->positional->target->host, "::1");
  EXPECT_EQ(server({"2000", "[::1]", "1194"})->positional->target->host, "::1");
  EXPECT_EQ(server({"2000", "vpn.lan", "1194"})->positional->target->host, "vpn.lan");
}

TEST(CommandLine, BothTakeAConfigurationFile) {
  EXPECT_EQ(client({"mpclient.conf"})->config_path, "mpclient.conf");
  EXPECT_EQ(server({"mpserver.conf"})->config_path, "mpserver.conf");
  EXPECT_FALSE(server({"mpserver.conf"})->positional);
  EXPECT_EQ(client({"--", "--odd-name"})->config_path, "--odd-name");
  EXPECT_EQ(client({"[a,b]"})->config_path, "[a,b]");
  EXPECT_EQ(server({"./2000"})->config_path, "./2000");
}

TEST(CommandLine, ListenNarrowsTheServersAddresses) {
  const auto line =
      server({"--listen", "10.0.0.1", "--listen=[::1]", "2000", "h", "1", "--listen", "2001:db8::1"});
  ASSERT_TRUE(line);
  EXPECT_EQ(listen_text(*line->positional), "10.0.0.1:2000 [::1]:2000 [2001:db8::1]:2000 ");
}

TEST(CommandLine, TunNeedsNoTargetAndMayHaveOne) {
  const auto alone = server({"--tun", "10.42.42.1/24", "5678", "--tun=fd00:42::1/64"});
  ASSERT_TRUE(alone && alone->positional);
  EXPECT_EQ(listen_text(*alone->positional), "0.0.0.0:5678 [::]:5678 ");
  EXPECT_FALSE(alone->positional->target);
  ASSERT_EQ(alone->positional->common.tun.addresses.size(), 2U);
  EXPECT_EQ(alone->positional->common.tun.addresses[1].to_string(), "fd00:42::1/64");
  const auto both = server({"--tun", "10.42.42.1/24", "5678", "h", "1194"});
  ASSERT_TRUE(both && both->positional);
  EXPECT_EQ(both->positional->target, (HostPort{"h", 1194}));
  EXPECT_TRUE(both->positional->common.tun.is_on());
}

TEST(CommandLine, TunOfTheClientIsAnAddressOrAutomatic) {
  EXPECT_EQ(client({"--tun", "10.42.42.2/24", "c"})->tun.addresses.front().to_string(), "10.42.42.2/24");
  EXPECT_TRUE(client({"--tun", "auto", "c"})->tun.is_automatic);
  EXPECT_FALSE(client({"c"})->tun.is_on());
}

TEST(CommandLine, ReadsEveryOptionOnEitherSideOfTheArguments) {
  const auto line = client({"--key-file", "k", "--daemon", "mpclient.conf", "--log-level=debug", "--pid-file",
                            "/run/x", "--check", "--offload", "no"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::check);
  EXPECT_EQ(line->key.kind, KeySource::Kind::file);
  EXPECT_EQ(line->key.value, "k");
  EXPECT_EQ(line->key.origin, "--key-file");
  EXPECT_TRUE(line->daemon);
  EXPECT_EQ(line->log_level, LogLevel::debug);
  EXPECT_EQ(line->pid_file, "/run/x");
  EXPECT_EQ(line->offload, false);
  EXPECT_FALSE(client({"c"})->offload);
  EXPECT_EQ(server({"--offload=yes", "1", "h", "2"})->offload, true);
}

TEST(CommandLine, PrintsVersionAndHelpWhateverStandsBeside) {
  EXPECT_EQ(client({"--version"})->text, "mpclient 1.2.3\n");
  EXPECT_EQ(server({"-V"})->text, "mpserver 1.2.3\n");
  const auto help = server({"--bogus", "--help", "--version", "x", "y"}, with_encrypt("x"));
  ASSERT_TRUE(help);
  EXPECT_EQ(help->action, Action::help);
  EXPECT_NE(help->text.find("\nExamples:\n  mpserver 2000 127.0.0.1 1194\n"), std::string::npos);
  EXPECT_NE(client({"-h"})->text.find("\nExamples:\n  mpclient mpclient.conf\n"), std::string::npos);
  EXPECT_EQ(client({"-h"})->text.find("--listen"), std::string::npos);
}

TEST(CommandLine, TakesSeveralLettersInOneWord) {
  EXPECT_EQ(client({"-Vh"})->action, Action::help);
  EXPECT_EQ(client({"-V", "-x"})->action, Action::version);
}

TEST(CommandLine, HelpNamesEveryOption) {
  const std::string text = server({"--help"})->text;
  for (const char* option :
       {"--key-file", "--log-level", "--check", "--genkey", "--version", "--help", "--daemon", "--pid-file",
        "--listen", "--offload", "--status", "--json", "--wide", "--healthy", "--control", "MPTUNNEL_ENCRYPT",
        "MPTUNNEL_KEY ", "MPTUNNEL_KEY_FILE"}) {
    EXPECT_NE(text.find(option), std::string::npos) << option;
  }
}

TEST(CommandLine, GivesTheUsageWhereNothingIsGiven) {
  const auto line = server({});
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().exit_code, 2);
  EXPECT_EQ(line.error().lines,
            (std::vector<std::string>{"usage: mpserver [options] PORT TARGET_HOST TARGET_PORT",
                                      "       mpserver [options] --tun ADDRESS/PREFIX PORT",
                                      "       mpserver [options] mpserver.conf", "Try 'mpserver --help'."}));
  EXPECT_EQ(client({}).error().lines.front(), "usage: mpclient [options] mpclient.conf");
  EXPECT_FALSE(parse_command_line(Program::mpclient, 0, nullptr, {}, "1"));
}

TEST(CommandLine, MakesAKeyWithoutArguments) {
  const auto line = client({"--genkey"}, with_encrypt("1"));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->action, Action::genkey);
  EXPECT_EQ(line->key_name, "");
  EXPECT_EQ(server({"--genkey", "alice"})->key_name, "alice");
}

TEST(CommandLine, ReloadNamesAnInstanceAsStatusDoes) {
  EXPECT_EQ(server({"--reload"})->action, Action::reload);
  EXPECT_EQ(server({"--reload", "c"})->config_path, "c");
  EXPECT_EQ(server({"--reload", "2000"})->status_port, 2000);
  EXPECT_EQ(server({"--reload", "--control", "/run/s"})->control, "/run/s");
  EXPECT_FALSE(client({"--reload"}));
}

TEST(CommandLine, TakesAKeyring) {
  EXPECT_EQ(server({"--keys", "ring", "2000", "h", "1"})->keys, "ring");
  EXPECT_EQ(server({"c"})->keys, "");
  EXPECT_FALSE(client({"--keys", "ring", "c"}));
}

TEST(CommandLine, StatusNamesAnInstanceAsItWasStarted) {
  const auto alone = client({"--status"});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->action, Action::status);
  EXPECT_EQ(alone->config_path, "");
  EXPECT_EQ(alone->status_form, StatusForm::table);
  EXPECT_EQ(client({"--status", "c", "--json"})->config_path, "c");
  EXPECT_EQ(client({"--status", "c", "--json"})->status_form, StatusForm::json);
  EXPECT_EQ(client({"--status", "c", "--wide"})->status_form, StatusForm::wide_table);
  EXPECT_EQ(client({"--healthy", "--status"})->status_form, StatusForm::health);
  EXPECT_EQ(client({"--status", "--control", "/run/s"})->control, "/run/s");
  EXPECT_EQ(server({"--status"})->action, Action::status);
  EXPECT_EQ(server({"--status", "c"})->config_path, "c");
  EXPECT_EQ(server({"--status", "2000"})->status_port, 2000);
  const auto full = server({"--key-file", "k", "--listen", "::1", "2000", "h", "1", "--status"});
  ASSERT_TRUE(full);
  EXPECT_EQ(full->positional->listen.front().endpoint.port, 2000);
}

TEST(CommandLine, StatusNeedsNoKey) {
  Environment environment = with_encrypt("perhaps");
  environment.key = "";
  environment.key_file = "k";
  EXPECT_TRUE(client({"--status", "c"}, environment));
  EXPECT_TRUE(server({"--status", "2000"}, environment));
  EXPECT_FALSE(server({"2000", "h", "1"}, environment));
}

TEST(CommandLine, ControlNamesTheSocket) {
  EXPECT_EQ(client({"c"})->control, "");
  EXPECT_EQ(client({"--control", "s", "c"})->control, "s");
  EXPECT_EQ(server({"--control=none", "2000", "h", "1"})->control, "none");
}

TEST(CommandLine, ReadsEncryptionFromTheEnvironment) {
  EXPECT_EQ(client({"c"}, with_encrypt("0"))->encrypt, false);
  EXPECT_EQ(client({"c"}, with_encrypt("1"))->encrypt, true);
}

TEST(CommandLine, TakesTheKeyFromTheCommandLineFirst) {
  Environment environment;
  environment.key = kSomeKey;
  auto line = client({"c"}, environment);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->key.kind, KeySource::Kind::text);
  EXPECT_EQ(line->key.value, kSomeKey);
  EXPECT_EQ(line->key.origin, "MPTUNNEL_KEY");
  line = client({"c", "--key-file", "k"}, environment);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->key.value, "k");
  environment.key.reset();
  environment.key_file = "e";
  EXPECT_EQ(client({"c"}, environment)->key.value, "e");
  EXPECT_EQ(client({"c"}, environment)->key.origin, "MPTUNNEL_KEY_FILE");
}

TEST(CommandLine, ReadsTheProcessEnvironment) {
  ASSERT_EQ(setenv("MPTUNNEL_ENCRYPT", "0", 1), 0);
  ASSERT_EQ(setenv("MPTUNNEL_KEY", "", 1), 0);
  ASSERT_EQ(unsetenv("MPTUNNEL_KEY_FILE"), 0);
  const Environment environment = take_environment();
  EXPECT_EQ(environment.encrypt, "0");
  EXPECT_EQ(environment.key, "");
  EXPECT_FALSE(environment.key_file);
  unsetenv("MPTUNNEL_ENCRYPT");
}

TEST(CommandLine, WipesTheKeyFromTheEnvironment) {
  // putenv() puts this very memory into the environment, as the kernel does for a new process.
  std::string variable = "MPTUNNEL_KEY=" + kSomeKey;
  ASSERT_EQ(setenv("MPTUNNEL_KEY_FILE", "stays", 1), 0);
  ASSERT_EQ(putenv(variable.data()), 0);
  const Environment environment = take_environment();
  EXPECT_EQ(environment.key, kSomeKey);
  EXPECT_EQ(variable, "MPTUNNEL_KEY=" + std::string(kSomeKey.size(), '\0'));
  EXPECT_EQ(std::getenv("MPTUNNEL_KEY"), nullptr);
  EXPECT_STREQ(std::getenv("MPTUNNEL_KEY_FILE"), "stays");
  EXPECT_FALSE(take_environment().key);
  unsetenv("MPTUNNEL_KEY_FILE");
}

struct MistakeRow {
  const char* name;
  bool is_server;
  Words words;
  std::vector<std::string> lines;  ///< without the program's name and the last line
  Environment environment;
};

void PrintTo(const MistakeRow& row, std::ostream* out) {
  *out << row.name;
}

class CommandLineMistakes : public testing::TestWithParam<MistakeRow> {};

TEST_P(CommandLineMistakes, AreToldAllAtOnce) {
  const MistakeRow& row = GetParam();
  const std::string program = row.is_server ? "mpserver" : "mpclient";
  const auto line = row.is_server ? server(row.words, row.environment) : client(row.words, row.environment);
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().exit_code, 2);
  std::vector<std::string> expected;
  for (const std::string& text : row.lines) expected.push_back(program + ": " + text);
  expected.push_back("Try '" + program + " --help'.");
  EXPECT_EQ(line.error().lines, expected);
}

Environment both_keys() {
  Environment environment;
  environment.key = kSomeKey;
  environment.key_file = "k";
  return environment;
}

Environment empty_keys() {
  Environment environment;
  environment.key = "";
  environment.key_file = "";
  return environment;
}

std::string mistake_row_name(const testing::TestParamInfo<MistakeRow>& row) {
  return row.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Options, CommandLineMistakes,
    testing::Values(
        MistakeRow{"Misspelt",
                   false,
                   {"--keyfile", "c"},
                   {"'--keyfile' is not a known option: did you mean "
                    "'--key-file'?"},
                   {}},
        MistakeRow{
            "Unknown",
            false,
            {"-x", "c"},
            {"'-x' is not a known option: write one of --key-file, --log-level, --pid-file, "
             "--offload, --control, --tun, --check, --status, --json, --wide, --healthy, --genkey, --daemon, "
             "--version, --help"},
            {}},
        MistakeRow{"InTheOrderOfTheLine",
                   false,
                   {"--chek", "--check=yes", "c"},
                   {"'--chek' is not a known option: did you mean '--check'?",
                    "--check takes no value: write '--check'"},
                   {}},
        MistakeRow{"NoValueAtTheEnd",
                   false,
                   {"c", "--key-file"},
                   {"--key-file has no value: write '--key-file "
                    "FILE'"},
                   {}},
        MistakeRow{"NoValueBeforeAnOption",
                   false,
                   {"--log-level", "--check", "c"},
                   {"--log-level has no value: write '--log-level LEVEL'"},
                   {}},
        MistakeRow{"EmptyValue",
                   false,
                   {"--pid-file=", "c"},
                   {"--pid-file has no value: write '--pid-file FILE'"},
                   {}},
        MistakeRow{
            "ValueTooMuch", false, {"--check=yes", "c"}, {"--check takes no value: write '--check'"}, {}},
        MistakeRow{"Twice",
                   false,
                   {"--key-file", "a", "--key-file=b", "c"},
                   {"--key-file is given 2 times: give it "
                    "once"},
                   {}},
        MistakeRow{"LogLevel",
                   false,
                   {"--log-level", "loud", "c"},
                   {"--log-level: 'loud' is not a log level: write "
                    "debug, info, warning or error"},
                   {}},
        MistakeRow{"Offload",
                   false,
                   {"--offload", "maybe", "c"},
                   {"--offload: 'maybe' is neither yes nor no: write '--offload yes' or '--offload no'"},
                   {}},
        MistakeRow{"OffloadAlone",
                   false,
                   {"c", "--offload"},
                   {"--offload has no value: write '--offload yes|no'"},
                   {}},
        MistakeRow{"ListenForTheClient",
                   false,
                   {"--listen", "c"},
                   {"--listen is an option of mpserver: write 'listen ADDRESS:PORT' in the configuration"},
                   {}},
        MistakeRow{"CheckAndGenkey",
                   false,
                   {"--check", "--genkey"},
                   {"--check and --genkey are two different things to do: give one of them"},
                   {}},
        MistakeRow{"GenkeyWithAPath",
                   false,
                   {"--genkey", "a/b"},
                   {"--genkey: 'a/b' is not a name: write up to 64 letters, digits and . _ - : @"},
                   {}},
        MistakeRow{"StatusAndReload",
                   true,
                   {"--status", "--reload", "2000"},
                   {"--status and --reload are two different things to do: give one of them"},
                   {}},
        MistakeRow{"KeysTwice",
                   true,
                   {"--keys", "a", "--keys", "b", "c"},
                   {"--keys is given 2 times: give it once"},
                   {}},
        MistakeRow{"CheckAndStatus",
                   false,
                   {"--check", "--status", "c"},
                   {"--check and --status are two different things to do: give one of them"},
                   {}},
        MistakeRow{"JsonAlone",
                   false,
                   {"--json", "c"},
                   {"--json says how --status prints: write '--status --json'"},
                   {}},
        MistakeRow{"WideAlone",
                   false,
                   {"--wide", "c"},
                   {"--wide says how --status prints: write '--status --wide'"},
                   {}},
        MistakeRow{"TwoWaysToPrint",
                   false,
                   {"--status", "--json", "--healthy"},
                   {"--json and --healthy are two ways to print: give one of them"},
                   {}},
        MistakeRow{"StatusWithValue",
                   false,
                   {"--status=c"},
                   {"--status takes no value: write '--status'",
                    "there is no configuration file: write 'mpclient mpclient.conf'"},
                   {}},
        MistakeRow{"ControlWithoutFile",
                   true,
                   {"--status", "--control"},
                   {"--control has no value: write '--control FILE'"},
                   {}},
        MistakeRow{"ControlTwice",
                   false,
                   {"--status", "--control", "a", "--control=b"},
                   {"--control is given 2 times: give it once"},
                   {}},
        MistakeRow{"StatusOfTwo",
                   false,
                   {"--status", "a", "b"},
                   {"there are 2 arguments: give one configuration file"},
                   {}},
        MistakeRow{"StatusPort",
                   true,
                   {"--status", "70000"},
                   {"PORT: port '70000' is out of range: write a number from 1 to 65535"},
                   {}},
        MistakeRow{"GenkeyWithFile",
                   false,
                   {"--genkey", "k", "l"},
                   {"--genkey takes one name at most, and there is also 'l'"},
                   {}},
        MistakeRow{
            "KeyInPlaceOfFile",
            false,
            {"--key-file", kSomeKey.c_str(), "c"},
            {"--key-file is followed by a key itself: put the key in a file that only you can read, and give "
             "that file's name"},
            {}},
        MistakeRow{
            "AllAtOnce",
            true,
            {"--chek", "--log-level", "x", "0", "1.1.1", "y", "--listen", "eth0"},
            {"'--chek' is not a known option: did you mean '--check'?",
             "--log-level: 'x' is not a log level: write debug, info, warning or error",
             "MPTUNNEL_ENCRYPT is 'off': set it to 0 for no encryption or to 1 for encryption, or unset it",
             "PORT: port '0' is out of range: write a number from 1 to 65535",
             "TARGET_HOST: '1.1.1' is not an IPv4 address: write four numbers from 0 to 255 with dots "
             "between "
             "them",
             "TARGET_PORT: 'y' is not a port: write a number from 1 to 65535",
             "--listen: 'eth0' is not an address: write an IPv4 or IPv6 address of this host, 'localhost', "
             "or "
             "'*' for all"},
            with_encrypt("off")}),
    mistake_row_name);

INSTANTIATE_TEST_SUITE_P(
    Arguments, CommandLineMistakes,
    testing::Values(
        MistakeRow{"NoFile",
                   false,
                   {"--check"},
                   {"there is no configuration file: write 'mpclient mpclient.conf'"},
                   {}},
        MistakeRow{
            "ServersForm",
            false,
            {"2000", "127.0.0.1", "1194"},
            {"PORT TARGET_HOST TARGET_PORT are mpserver's arguments: give mpclient a configuration file"},
            {}},
        MistakeRow{"TwoFiles", false, {"a", "b"}, {"there are 2 arguments: give one configuration file"}, {}},
        MistakeRow{"NoTarget",
                   true,
                   {"2000"},
                   {"the target is missing: write 'mpserver 2000 TARGET_HOST TARGET_PORT', 'mpserver --tun "
                    "ADDRESS/PREFIX 2000' for IP packets, or './2000' for a configuration file of that name"},
                   {}},
        MistakeRow{"TunWithoutItsNetwork",
                   true,
                   {"--tun", "10.0.0.1", "2000"},
                   {"--tun: '10.0.0.1' has no prefix length: write the size of its network too, as in "
                    "'10.42.42.1/24' or 'fd00:42::1/64'"},
                   {}},
        MistakeRow{"TunAutoBesideAnAddress",
                   false,
                   {"--tun", "auto", "--tun", "10.0.0.2/24", "c"},
                   {"--tun auto has mpserver choose all addresses: give it alone"},
                   {}},
        MistakeRow{
            "TunAutoOfTheServer",
            true,
            {"--tun", "auto", "2000"},
            {"--tun: 'auto' does not begin with an IPv4 or IPv6 address: write one as in '10.42.42.1/24' "
             "or 'fd00:42::1/64'"},
            {}},
        MistakeRow{"TargetInOneWord",
                   true,
                   {"2000", "127.0.0.1:1194"},
                   {"the target's host and port are two arguments: write 'mpserver 2000 127.0.0.1 1194'"},
                   {}},
        MistakeRow{"FourWords",
                   true,
                   {"1", "2", "3", "4"},
                   {"there are 4 arguments: write 'mpserver PORT TARGET_HOST TARGET_PORT' or 'mpserver "
                    "mpserver.conf'"},
                   {}},
        MistakeRow{"Loop",
                   true,
                   {"2000", "localhost", "2000"},
                   {"target localhost:2000 is where this program itself listens: write the address of the "
                    "other end"},
                   {}},
        MistakeRow{
            "ListenWithFile",
            true,
            {"--listen", "10.0.0.1", "mpserver.conf"},
            {"--listen is for the form with PORT: write 'listen ADDRESS:PORT' in the configuration file "
             "instead"},
            {}},
        MistakeRow{"ListenWithPort",
                   true,
                   {"--listen", "10.0.0.1:2000", "2000", "h", "1"},
                   {"--listen: '10.0.0.1:2000' has a port: give the address alone, PORT is an argument"},
                   {}},
        MistakeRow{"ListenTwice",
                   true,
                   {"--listen", "*", "--listen", "10.0.0.1", "2000", "h", "1"},
                   {"--listen: '10.0.0.1' is covered by another --listen: keep one of the two"},
                   {}}),
    mistake_row_name);

INSTANTIATE_TEST_SUITE_P(
    Environments, CommandLineMistakes,
    testing::Values(
        MistakeRow{
            "EncryptWord",
            false,
            {"c"},
            {"MPTUNNEL_ENCRYPT is 'no': set it to 0 for no encryption or to 1 for encryption, or unset it"},
            with_encrypt("no")},
        MistakeRow{
            "EncryptEmpty",
            false,
            {"c"},
            {"MPTUNNEL_ENCRYPT is '': set it to 0 for no encryption or to 1 for encryption, or unset it"},
            with_encrypt("")},
        MistakeRow{
            "EncryptWithBlank",
            false,
            {"c"},
            {"MPTUNNEL_ENCRYPT is '0 ': set it to 0 for no encryption or to 1 for encryption, or unset it"},
            with_encrypt("0 ")},
        MistakeRow{"BothKeys",
                   false,
                   {"c"},
                   {"MPTUNNEL_KEY and MPTUNNEL_KEY_FILE are both set: unset one of them"},
                   both_keys()},
        MistakeRow{"EmptyKeysEvenWhereOthersWin",
                   false,
                   {"c", "--key-file", "k"},
                   {"MPTUNNEL_KEY is empty: set it to a key, or unset it",
                    "MPTUNNEL_KEY_FILE is empty: set it to a file's name, or unset it"},
                   empty_keys()}),
    mistake_row_name);

TEST(CommandLine, KeysOfTheEnvironmentMayBothBeSetWhereTheCommandLineWins) {
  const auto line = client({"c", "--key-file", "mine"}, both_keys());
  ASSERT_TRUE(line);
  EXPECT_EQ(line->key.value, "mine");
}

TEST(CommandLine, LimitsAddressesToListenOn) {
  std::vector<std::string> addresses;
  for (int i = 1; i <= 17; ++i) addresses.push_back("10.0.0." + std::to_string(i));
  Words words{"2000", "h", "1"};
  for (const std::string& address : addresses) {
    words.push_back("--listen");
    words.push_back(address.c_str());
  }
  const auto line = server(words);
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().lines.front(),
            "mpserver: --listen: '10.0.0.17' is one too many: give at most 16 addresses");
}

}  // namespace
}  // namespace mptunnel
