#include <fmt/format.h>

#include "config_reader.h"
#include "mptunnel/config/config.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

std::string explain(const ConfigLine& line) {
  const std::string_view first = line.words.front();
  const bool is_of_client = find_statement(Program::mpclient, first) != nullptr;
  if (first == "bridge" || (reads_as_bridge(line) && !is_of_client))
    return "bridges belong into mpclient.conf: mpserver is given 'listen PORT' and 'target HOST:PORT'";
  if (is_of_client) return fmt::format("'{}' belongs into mpclient.conf: mpserver has no use for it", first);
  std::string reason = explain_unknown_statement(line, Program::mpserver);
  if (!reason.empty()) return reason;
  return fmt::format("{} is not a known statement: write one of {}", quote_word(first),
                     join_words(statement_words(Program::mpserver), ", "));
}

}  // namespace

ConfigResult<ServerConfig> parse_server_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file) {
  ConfigReader<ServerConfig> reader(file_name, check_key_file);
  reader.read(text, explain);
  const ServerConfig& config = reader.config();
  if (!reader.given("listen"))
    reader.missing("there is no 'listen': write 'listen PORT' or 'listen ADDRESS:PORT'");
  if (!reader.given("target")) reader.missing("there is no 'target': write 'target HOST:PORT'");
  if (auto loop = loop_error(config.target, config.listen, "target"))
    reader.wrong(reader.line_of("target"), std::move(*loop));
  return reader.take();
}

}  // namespace mptunnel
