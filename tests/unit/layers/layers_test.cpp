// Holds the #includes of include/mptunnel and src against the layer table, and what seals and opens packets
// to the one data path. The table here is the rule; whoever changes it changes docs/architecture.md as well.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Layer {
  std::string_view name;
  std::vector<std::string_view> uses;  ///< besides itself
};
const std::vector<Layer> kLayers{
    {"base", {}},
    {"ip", {"base"}},
    {"wire", {"base"}},
    {"crypto", {"base", "wire"}},
    {"repair", {"base", "wire"}},
    {"path", {"base", "wire", "crypto"}},
    {"session", {"base", "ip", "wire", "crypto"}},
    {"schedule", {"base", "wire", "path"}},
    {"engine", {"base", "ip", "wire", "crypto", "repair", "path", "session", "schedule"}},
    {"net", {"base", "ip"}},
    {"config", {"base", "ip"}},
    {"host", {"base", "crypto"}},
    {"ports",
     {"base", "ip", "wire", "crypto", "repair", "path", "session", "schedule", "engine", "net", "config",
      "host"}},
    {"control",
     {"base", "ip", "wire", "crypto", "repair", "path", "session", "schedule", "engine", "net", "config",
      "host", "ports"}},
    {"apps",
     {"base", "ip", "wire", "crypto", "repair", "path", "session", "schedule", "engine", "net", "config",
      "host", "ports", "control"}},
};

/// Libraries that are one layer's own business.
struct Library {
  std::string_view prefix;  ///< of the included name
  std::vector<std::string_view> folders;
};
const std::vector<Library> kLibraries{
    {"openssl/", {"src/crypto/"}},
    {"intel-ipsec-mb.h", {"src/crypto/"}},
    {"isa-l", {"src/repair/"}},
    {"spdlog/", {"src/host/"}},
    {"nlohmann/", {"src/control/"}},
    {"CLI/", {}},
    {"ev.h", {"src/net/", "include/mptunnel/net/"}},
    {"ev++.h", {"src/net/", "include/mptunnel/net/"}},
    {"libev/", {"src/net/", "include/mptunnel/net/"}},
    {"libmnl/", {"src/net/"}},
};

const Layer* find_layer(std::string_view name) {
  const auto found =
      std::find_if(kLayers.begin(), kLayers.end(), [name](const Layer& layer) { return layer.name == name; });
  return found == kLayers.end() ? nullptr : &*found;
}

/// The layer of "src/<layer>/..." or "include/mptunnel/<layer>/...".
const Layer* layer_of(std::string_view path) {
  for (const std::string_view root : {"src/", "include/mptunnel/"}) {
    if (!path.starts_with(root)) continue;
    const std::string_view rest = path.substr(root.size());
    const std::size_t slash = rest.find('/');
    return slash == std::string_view::npos ? nullptr : find_layer(rest.substr(0, slash));
  }
  return nullptr;
}

/// What is wrong with this file's including `target`; nullopt if it may.
std::optional<std::string> judge(std::string_view path, std::string_view target, bool quoted) {
  constexpr std::string_view kOwn = "mptunnel/";
  const Layer& layer = *layer_of(path);
  if (target.starts_with(kOwn)) {
    const std::string_view rest = target.substr(kOwn.size());
    const std::string_view used = rest.substr(0, rest.find('/'));
    if (find_layer(used) == nullptr) return "no layer '" + std::string(used) + "'";
    const bool allowed =
        used == layer.name || std::find(layer.uses.begin(), layer.uses.end(), used) != layer.uses.end();
    if (!allowed) return std::string(layer.name) + " may not use " + std::string(used);
    return std::nullopt;
  }
  // By a path of its own a file could reach around the table.
  if (quoted && target.find('/') != std::string_view::npos) return "not by its name under mptunnel/";
  for (const Library& library : kLibraries) {
    const bool concerned = target.starts_with(library.prefix);
    const bool at_home = std::any_of(library.folders.begin(), library.folders.end(),
                                     [path](std::string_view folder) { return path.starts_with(folder); });
    if (concerned && !at_home) return std::string(library.prefix) + " is another layer's business";
  }
  return std::nullopt;
}

/// One line for each breach in a file with this path and text.
std::vector<std::string> breaches(const std::string& path, const std::string& text) {
  if (layer_of(path) == nullptr) return {path + ": in no layer"};
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<std::string> found;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) continue;
    const std::string target = match[2];
    if (const auto wrong = judge(path, target, match[1] == "\"")) {
      found.push_back(path + ":" + std::to_string(number) + ": " + target + ": " + *wrong);
    }
  }
  return found;
}

/// The data path of both ends, and the keys that it uses: only these seal and open packets, so that whatever
/// is sealed is counted, and whatever is opened is no copy. Handshakes have functions of their own.
const std::vector<std::string_view> kDataPath{"src/engine/link/", "include/mptunnel/engine/link/",
                                              "src/session/key_epoch.cpp",
                                              "include/mptunnel/session/key_epoch.h"};
bool is_data_path(std::string_view path) {
  return std::any_of(kDataPath.begin(), kDataPath.end(),
                     [path](std::string_view part) { return path.starts_with(part); });
}

/// Each use of a member of KeyEpoch that seals or opens. Receiver has members of the same names, which are
/// called on an object that is named `receiver`.
std::vector<std::string> sealings(const std::string& path, const std::string& text) {
  static const std::regex comment("//[^\n]*");
  static const std::regex use(R"((\w*)\s*(?:\.|->|::)\s*((?:seal|open)_(?:data|control)|verifies)\b)");
  const std::string code = std::regex_replace(text, comment, "");
  std::vector<std::string> found;
  for (std::sregex_iterator match(code.begin(), code.end(), use), end; match != end; ++match) {
    const std::string object = (*match)[1];
    if (object != "receiver" && object != "receiver_") found.push_back(path + ": " + (*match)[2].str());
  }
  return found;
}

bool is_source(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cpp";
}

/// Calls `visit` with the path and text of each source and header; returns how many there are.
std::size_t for_each_source(const std::function<void(const std::string&, const std::string&)>& visit) {
  const fs::path root = MPTUNNEL_SOURCE_DIR;
  std::size_t files = 0;
  for (const char* folder : {"src", "include/mptunnel"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      ++files;
      std::ifstream file(entry.path());
      std::ostringstream text;
      text << file.rdbuf();
      EXPECT_TRUE(file) << entry.path();
      visit(fs::relative(entry.path(), root).generic_string(), text.str());
    }
  }
  return files;
}

TEST(Layers, IncludesFollowTheTable) {
  const std::size_t files = for_each_source([](const std::string& path, const std::string& text) {
    for (const std::string& breach : breaches(path, text)) ADD_FAILURE() << breach;
  });
  // A check of nothing would find nothing.
  EXPECT_GT(files, 80U);
}

TEST(Layers, OnlyTheDataPathSealsAndOpens) {
  std::size_t allowed = 0;
  for_each_source([&](const std::string& path, const std::string& text) {
    const auto found = sealings(path, text);
    if (is_data_path(path)) {
      allowed += found.size();
      return;
    }
    for (const std::string& sealing : found) ADD_FAILURE() << sealing << ": the business of engine/link";
  });
  EXPECT_GE(allowed, 10U);
}

TEST(Layers, PublicHeadersLieInTheirLayersFolderOnly) {
  const fs::path root = fs::path(MPTUNNEL_SOURCE_DIR) / "include";
  for (const auto& entry : fs::directory_iterator(root)) EXPECT_EQ(entry.path().filename(), "mptunnel");
}

struct BreachRow {
  const char* name;
  const char* path;
  const char* line;
  bool is_breach;
};
class LayersTable : public testing::TestWithParam<BreachRow> {};

TEST_P(LayersTable, TellsABreach) {
  const BreachRow& row = GetParam();
  const std::string text = "// A file.\n#pragma once\n\n" + std::string(row.line) + "\n\nint x;\n";
  EXPECT_EQ(breaches(row.path, text).size(), row.is_breach ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LayersTable,
    testing::Values(
        BreachRow{"OwnLayer", "src/wire/a.cpp", R"(#include "mptunnel/wire/a.h")", false},
        BreachRow{"LayerBelow", "src/engine/a.cpp", R"(#include "mptunnel/base/a.h")", false},
        BreachRow{"LayerAbove", "src/wire/a.cpp", R"(#include "mptunnel/crypto/a.h")", true},
        BreachRow{"LayerAboveFromAHeader", "include/mptunnel/base/a.h", R"(#include "mptunnel/wire/a.h")",
                  true},
        BreachRow{"PathUsesSession", "include/mptunnel/path/a.h", R"(#include "mptunnel/session/a.h")", true},
        BreachRow{"PathUsesCrypto", "src/path/a.cpp", R"(#include "mptunnel/crypto/a.h")", false},
        BreachRow{"SessionUsesPath", "src/session/a.cpp", R"(#include "mptunnel/path/a.h")", true},
        BreachRow{"SessionUsesEngine", "src/session/a.cpp", R"(#include "mptunnel/engine/a.h")", true},
        BreachRow{"IpUsesBase", "src/ip/a.cpp", R"(#include "mptunnel/base/a.h")", false},
        BreachRow{"IpUsesWire", "include/mptunnel/ip/a.h", R"(#include "mptunnel/wire/a.h")", true},
        BreachRow{"SessionUsesIp", "src/session/a.cpp", R"(#include "mptunnel/ip/a.h")", false},
        BreachRow{"PathUsesIp", "src/path/a.cpp", R"(#include "mptunnel/ip/a.h")", true},
        BreachRow{"RepairUsesWire", "src/repair/a.cpp", R"(#include "mptunnel/wire/a.h")", false},
        BreachRow{"RepairUsesCrypto", "src/repair/a.cpp", R"(#include "mptunnel/crypto/a.h")", true},
        BreachRow{"IsalInRepair", "src/repair/a.cpp", "#include <isa-l/erasure_code.h>", false},
        BreachRow{"IsalInEngine", "src/engine/a.cpp", "#include <isa-l.h>", true},
        BreachRow{"EngineUsesNet", "src/engine/a.cpp", R"(#include "mptunnel/net/a.h")", true},
        BreachRow{"NetUsesEngine", "include/mptunnel/net/a.h", R"(#include "mptunnel/engine/a.h")", true},
        BreachRow{"NetUsesIp", "include/mptunnel/net/a.h", R"(#include "mptunnel/ip/a.h")", false},
        BreachRow{"IpUsesNet", "src/ip/a.cpp", R"(#include "mptunnel/net/a.h")", true},
        BreachRow{"NetUsesWire", "src/net/a.cpp", R"(#include "mptunnel/wire/a.h")", true},
        BreachRow{"ConfigUsesCrypto", "src/config/a.cpp", R"(#include "mptunnel/crypto/a.h")", true},
        BreachRow{"ConfigUsesNet", "src/config/a.cpp", R"(#include "mptunnel/net/a.h")", true},
        BreachRow{"NetUsesConfig", "src/net/a.cpp", R"(#include "mptunnel/config/a.h")", true},
        BreachRow{"ConfigUsesBase", "src/config/a.cpp", R"(#include "mptunnel/base/a.h")", false},
        BreachRow{"NetUsesHost", "src/net/a.cpp", R"(#include "mptunnel/host/a.h")", true},
        BreachRow{"HostUsesNet", "src/host/a.cpp", R"(#include "mptunnel/net/a.h")", true},
        BreachRow{"PortsUseHost", "src/ports/a.cpp", R"(#include "mptunnel/host/a.h")", false},
        BreachRow{"PortsUseControl", "src/ports/a.cpp", R"(#include "mptunnel/control/a.h")", true},
        BreachRow{"ControlUsesApps", "include/mptunnel/control/a.h", R"(#include "mptunnel/apps/a.h")", true},
        BreachRow{"SpdlogInNet", "src/net/a.cpp", "#include <spdlog/spdlog.h>", true},
        BreachRow{"JsonInApps", "src/apps/a.cpp", "#include <nlohmann/json.hpp>", true},
        BreachRow{"AppsUseNet", "src/apps/main/a.cpp", R"(#include "mptunnel/net/a.h")", false},
        BreachRow{"EngineUsesApps", "src/engine/a.cpp", R"(#include "mptunnel/apps/a.h")", true},
        BreachRow{"UnknownLayerUsed", "src/apps/a.cpp", R"(#include "mptunnel/util/a.h")", true},
        BreachRow{"UnknownLayer", "src/util/a.cpp", "", true},
        BreachRow{"FileOutsideALayer", "src/a.cpp", "", true},
        BreachRow{"AngleBrackets", "src/wire/a.cpp", "#include <mptunnel/engine/a.h>", true},
        BreachRow{"BlanksAround", "src/wire/a.cpp", R"(  #  include   "mptunnel/engine/a.h")", true},
        BreachRow{"NoBlank", "src/wire/a.cpp", R"(#include"mptunnel/engine/a.h")", true},
        BreachRow{"CommentedOut", "src/wire/a.cpp", R"(// #include "mptunnel/engine/a.h")", false},
        BreachRow{"AroundTheTable", "src/wire/a.cpp", R"(#include "../engine/a.h")", true},
        BreachRow{"Beside", "src/crypto/a.cpp", R"(#include "openssl.h")", false},
        BreachRow{"OpensslInCrypto", "src/crypto/a.cpp", "#include <openssl/evp.h>", false},
        BreachRow{"OpensslInAHeaderOfCrypto", "include/mptunnel/crypto/a.h", "#include <openssl/evp.h>",
                  true},
        BreachRow{"OpensslInSession", "src/session/a.cpp", "#include <openssl/evp.h>", true},
        BreachRow{"EvInNet", "src/net/a.cpp", "#include <ev.h>", false},
        BreachRow{"MnlInNet", "src/net/a.cpp", "#include <libmnl/libmnl.h>", false},
        BreachRow{"MnlInApps", "src/apps/a.cpp", "#include <libmnl/libmnl.h>", true},
        BreachRow{"EvInApps", "src/apps/a.cpp", "#include <ev.h>", true},
        BreachRow{"EvQuotedInEngine", "src/engine/a.cpp", R"(#include "ev.h")", true},
        BreachRow{"EvPlusPlusInEngine", "src/engine/a.cpp", "#include <ev++.h>", true},
        BreachRow{"StandardHeader", "src/base/a.cpp", "#include <vector>", false},
        BreachRow{"SystemHeaderInAFolder", "src/base/a.cpp", "#include <sys/socket.h>", false}),
    [](const auto& row) { return std::string(row.param.name); });

struct SealingRow {
  const char* name;
  const char* code;
  bool is_sealing;
};
class LayersSealing : public testing::TestWithParam<SealingRow> {};

TEST_P(LayersSealing, TellsAUseOfAKey) {
  const std::string text = "int f() {\n  " + std::string(GetParam().code) + "\n}\n";
  EXPECT_EQ(sealings("src/engine/a.cpp", text).size(), GetParam().is_sealing ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LayersSealing,
    testing::Values(
        SealingRow{"SealData", "keys.seal_data(head, body, place, now);", true},
        SealingRow{"SealControl", "keys->seal_control(head, body, place, now);", true},
        SealingRow{"OpenData", "const auto opened = keys.open_data(header, packet, now);", true},
        SealingRow{"OpenControl", "if (session.current().keys().open_control(header, packet, now)) {}", true},
        SealingRow{"Verifies", "epoch.keys().verifies(header, packet);", true},
        SealingRow{"BrokenLine", "link.current()\n      ->keys()\n      .seal_data (head, body);", true},
        SealingRow{"PointerToMember", "auto seal = &KeyEpoch::seal_data;", true},
        SealingRow{"ByTheReceiver", "session.receiver.open_data(epoch, header, packet, origin, now);", false},
        SealingRow{"ByAReceiverOfItsOwn", "receiver_.open_control(epoch, header, packet, origin, now);",
                   false},
        SealingRow{"BySomethingNamedAlike", "no_receiver.open_data(header, packet, now);", true},
        SealingRow{"FunctionOfThatName", "open_control(socket, name);", false},
        SealingRow{"LongerName", "out.seal_control_packet(keys, frames);", false},
        SealingRow{"Comment", "// As keys.seal_data(head, body).", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(LayersTable, NoLayerUsesOneBelowItInTheTable) {
  std::vector<std::string_view> above;
  for (const Layer& layer : kLayers) {
    for (const std::string_view used : layer.uses) {
      EXPECT_NE(std::find(above.begin(), above.end(), used), above.end()) << layer.name << " uses " << used;
    }
    above.push_back(layer.name);
  }
}

}  // namespace
