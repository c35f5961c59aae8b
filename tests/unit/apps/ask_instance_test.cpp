#include "mptunnel/apps/ask_instance.h"

#include <gtest/gtest.h>

#include "mptunnel/apps/start.h"
#include "mptunnel/net/control_socket.h"
#include "support/temporary_folder.h"

namespace mptunnel {
namespace {

using test::TemporaryFolder;

/// A user whose sockets are below `folder`.
RuntimeUser user_of(const TemporaryFolder& folder) {
  return {.uid = 1000, .runtime_dir = folder.path()};
}

CommandLine asking(const std::string& config = "") {
  CommandLine line;
  line.action = Action::status;
  line.config_path = config;
  return line;
}

std::string found(const std::string& program, const CommandLine& line, const RuntimeUser& user) {
  const auto path = find_instance(program, line, user);
  return path ? path->path
              : "exit " + std::to_string(path.error().exit_code) + ": " + path.error().lines.front();
}

/// A socket that somebody listens on, in a loop that does not run.
class Listener {
 public:
  explicit Listener(const std::string& path)
      : server_(loop_, [](std::string_view) { return std::string(); }) {
    const auto opened = server_.open(path);
    EXPECT_TRUE(opened) << opened.error();
  }

 private:
  Loop loop_;
  ControlServer server_;
};

TEST(FindInstance, TakesTheOneThatRuns) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  EXPECT_EQ(found("mpclient", asking(), user),
            "exit 1: mpclient: no instance of this user runs (none has a socket in " +
                (folder / "mptunnel); if it runs as another user: --control FILE"));
  const Listener one(folder / "mptunnel/mpclient-3000.sock");
  const Listener other_program(folder / "mptunnel/mpserver-2000.sock");
  static_cast<void>(folder.write("mptunnel/mpclient-3001.sock", ""));
  EXPECT_EQ(found("mpclient", asking(), user), folder / "mptunnel/mpclient-3000.sock");
  const Listener two(folder / "mptunnel/mpclient-3002.sock");
  const auto several = find_instance("mpclient", asking(), user);
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().exit_code, 2);
  EXPECT_EQ(several.error().lines,
            (std::vector<std::string>{
                "mpclient: several instances run; say which one to ask:",
                "  mpclient --status --control " + (folder / "mptunnel/mpclient-3000.sock"),
                "  mpclient --status --control " + (folder / "mptunnel/mpclient-3002.sock")}));
  CommandLine reload = asking();
  reload.action = Action::reload;
  EXPECT_EQ(find_instance("mpclient", reload, user).error().lines[1],
            "  mpclient --reload --control " + (folder / "mptunnel/mpclient-3000.sock"));
}

TEST(FindInstance, FollowsTheConfiguration) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  // The key file is not there: --status needs none.
  const std::string client = folder.write("c", "h 1\nlisten 127.0.0.1:3456\nlisten 3457\nkey-file missing\n");
  EXPECT_EQ(found("mpclient", asking(client), user), folder / "mptunnel/mpclient-3456.sock");
  EXPECT_EQ(found("mpclient", asking(folder.write("d", "h 1\n")), user),
            folder / "mptunnel/mpclient-3000.sock");
  const std::string server = folder.write("s", "listen 2345\ntarget h:1\n");
  EXPECT_EQ(found("mpserver", asking(server), user), folder / "mptunnel/mpserver-2345.sock");
  const std::string bad = folder.write("b", "h 0\n");
  EXPECT_TRUE(found("mpclient", asking(bad), user).starts_with("exit 2: " + bad + ":1: "));
  EXPECT_EQ(found("mpclient", asking(folder / "x"), user),
            "exit 2: " + (folder / "x: cannot be read: No such file or directory"));
}

TEST(FindInstance, FollowsTheServersArguments) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  CommandLine line = asking();
  line.status_port = 2000;
  EXPECT_EQ(found("mpserver", line, user), folder / "mptunnel/mpserver-2000.sock");
  const char* const words[] = {"mpserver", "--status", "--listen", "::1", "2001", "vpn.lan", "1194"};
  const auto full = parse_command_line(Program::mpserver, 7, words, {}, "1");
  ASSERT_TRUE(full);
  EXPECT_EQ(found("mpserver", *full, user), folder / "mptunnel/mpserver-2001.sock");
}

TEST(FindInstance, TakesTheSocketThatIsNamed) {
  const TemporaryFolder folder;
  CommandLine line = asking(folder.write("c", "h 1\n"));
  line.control = "some/where";
  EXPECT_EQ(found("mpclient", line, user_of(folder)), "some/where");
  line.control = "none";
  EXPECT_EQ(found("mpclient", line, user_of(folder)),
            "exit 2: mpclient: an instance without a control socket can't be asked");
  const Listener listener(folder / "socket");
  EXPECT_EQ(found("mpclient", asking(folder / "socket"), user_of(folder)), folder / "socket");
}

/// Whether the command line gives the very path.
bool is_named(const CommandLine& line, const RuntimeUser& user) {
  const auto found = find_instance("mpclient", line, user);
  return found && found->is_named;
}

TEST(FindInstance, TellsWhatIsNamedFromWhatIsFound) {
  const TemporaryFolder folder;
  const RuntimeUser user = user_of(folder);
  const Listener listener(folder / "mptunnel/mpclient-3000.sock");
  CommandLine line = asking();
  EXPECT_FALSE(is_named(line, user));
  EXPECT_FALSE(is_named(asking(folder.write("c", "h 1\n")), user));
  EXPECT_FALSE(is_named(asking(folder.write("d", "h 1\ncontrol /run/c\n")), user));
  EXPECT_TRUE(is_named(asking(folder / "mptunnel/mpclient-3000.sock"), user));
  line.control = folder / "mptunnel/mpclient-3000.sock";
  EXPECT_TRUE(is_named(line, user));
}

/// What print() writes.
std::string written(std::string_view answer, bool is_json) {
  std::FILE* const file = std::tmpfile();
  print(answer, is_json, file);
  std::string text(static_cast<std::size_t>(std::ftell(file)), ' ');
  std::rewind(file);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
  std::fclose(file);
  return text;
}

TEST(Print, BreaksNoCharacterBetweenItsPieces) {
  for (const std::string character : {"x", "\u00f6", "\u20ac", "\U0001f600", "\u009b", "\xff", "\x80"}) {
    for (std::size_t before = 65530; before < 65540; ++before) {
      std::string answer(before, 'a');
      for (int i = 0; i < 10; ++i) answer += character;
      EXPECT_EQ(written(answer, false), printable(answer, false)) << before;
      EXPECT_EQ(written(answer, true), printable(answer, true)) << before;
    }
  }
  EXPECT_EQ(written("", false), "");
}

TEST(Printable, LeavesAnHonestAnswerAsItIs) {
  for (const std::string text :
       {"", "mpserver  1.0\n\na  b\n", "{\"name\":\"K\u00f6ln \u20ac \U0001f600 \\u001b\"}\n"}) {
    EXPECT_EQ(printable(text, false), text);
    EXPECT_EQ(printable(text, true), text);
  }
}

TEST(Printable, LetsNoControlCharacterThrough) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  every += "\u0080\u009b31m\u009f";
  for (const bool is_json : {false, true}) {
    const std::string text = printable(every, is_json);
    for (const char character : text)
      EXPECT_TRUE(character == '\n' || (character >= 0x20 && character < 0x7f))
          << static_cast<int>(character);
  }
  EXPECT_EQ(printable(std::string("a\0b", 3) + "\033]0;title\a\r\t\177\n", false), "a?b?]0;title????\n");
  EXPECT_EQ(printable("\u009b31m \xc3\x28 \xed\xa0\x80 \xf5 \xc0\xaf \xe2\x82", false),
            "?31m ?( ??? ? ?? ??");
}

TEST(Printable, KeepsJsonValid) {
  EXPECT_EQ(printable("{\"a\":\t\"x\177\u009b\033\xff\"}\r\n", true),
            "{\"a\": \"x\\u007f\\u009b\\u001b?\"} \n");
}

TEST(StartOptions, TakeTheControlSocketOfTheCommandLine) {
  CommandLine line;
  EXPECT_EQ(merge_options(line, {}).control, "");
  line.control = "s";
  EXPECT_EQ(merge_options(line, {}).control, "s");
}

}  // namespace
}  // namespace mptunnel
