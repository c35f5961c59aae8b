// The statements of mpclient.conf and mpserver.conf: ONE table, a row for each. The parser, --check and
// --help go by it, and a test holds the documents against it. A new statement is a member in config.h and a
// row in src/config/statement_table.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mptunnel/config/config.h"
#include "mptunnel/config/keyring_file.h"

namespace mptunnel {

struct StatementLine;  // src/config/statement_readers.h

enum class Program : std::uint8_t { mpclient, mpserver };
std::string_view name_of(Program program);

/// Which of them know a statement, in their configuration, or an option.
enum class Programs : std::uint8_t { both, mpclient, mpserver };
bool includes(Programs programs, Program program);

/// Reads one line into the configuration, or reports what is wrong with it. In the order of Programs: what
/// stands in both files fills in the CommonConfig.
template <typename Config>
using ReadStatement = void (*)(StatementLine& line, Config& config);
using StatementReader =
    std::variant<ReadStatement<CommonConfig>, ReadStatement<ClientConfig>, ReadStatement<ServerConfig>>;

/// What --check prints of a statement, an element for each line; none if there is nothing to say.
using CheckLines = std::vector<std::string>;
template <typename Source>
using ShowStatement = CheckLines (*)(const Source& source);
/// From Settings: those that the command line or the environment can replace.
using StatementView = std::variant<std::monostate, ShowStatement<CommonConfig>, ShowStatement<ClientConfig>,
                                   ShowStatement<ServerConfig>, ShowStatement<Settings>>;

enum class Times : std::uint8_t { once, often };

/// The default_text of what has no default.
inline constexpr std::string_view kMustBeGiven = "must be given";

struct Statement {
  std::string_view word;      ///< empty: a line that begins with no statement's word
  std::string_view argument;  ///< as documents write it: "SECONDS", "yes|no"
  Programs programs;
  Times times;
  /// What it is like to leave the statement out: a value that could be written, or a description of what
  /// happens instead. Both empty: this row is another way to write the row before.
  std::string_view default_value;
  std::string_view default_text;
  std::string_view help;  ///< half a sentence
  StatementReader read;
  StatementView show;
  std::string_view label = {};  ///< what --check calls it; empty: by its word
};

/// All of them, in the order in which they are listed.
std::span<const Statement> statements();

/// nullptr if no statement of this program has this word.
const Statement* find_statement(Program program, std::string_view word);
/// The words of a program's statements.
std::vector<std::string_view> statement_words(Program program);
/// "min-paths N"
std::string synopsis_of(const Statement& statement);

/// A row of a table of options: `word=VALUE`, or the word alone.
template <typename Target>
struct LineOption {
  std::string_view word;
  std::string_view form;          ///< how to write it; empty: the word alone
  std::string_view default_text;  ///< what it is like to leave it out
  /// Takes the value, or says what is wrong with it. An option without a value gets an empty one.
  std::optional<std::string> (*read)(std::string_view value, Target& target);
};
/// Those of a bridge: src/config/bridge_line.cpp.
using BridgeOption = LineOption<BridgeConfig>;
std::span<const BridgeOption> bridge_options();
/// Those of a line of the keyring: src/config/keyring_file.cpp.
using KeyOption = LineOption<KeyringLine>;
std::span<const KeyOption> key_options();

}  // namespace mptunnel
