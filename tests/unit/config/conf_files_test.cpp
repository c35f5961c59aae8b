// The files in conf/ are what a user starts from: each of them is right, and shows every statement.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>

#include "mptunnel/config/config.h"

namespace mptunnel {
namespace {

std::string content_of(const std::string& name) {
  std::ifstream file(std::string(MPTUNNEL_SOURCE_DIR) + "/conf/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Comments that are examples, "#statement", become statements; prose has a blank after the '#'.
std::string with_examples(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n)#([a-z0-9])"), "$1$2");
}

template <typename T>
std::string errors_of(const ConfigResult<T>& result) {
  std::string text;
  if (!result) {
    for (const ConfigError& error : result.error()) text += to_string(error) + "\n";
  }
  return text;
}

TEST(ConfFiles, ClientFileIsRightAndShowsEveryStatement) {
  const std::string text = content_of("mpclient.conf");
  EXPECT_EQ(errors_of(parse_client_config(text, "conf/mpclient.conf")), "");
  const auto all = parse_client_config(with_examples(text), "conf/mpclient.conf");
  ASSERT_EQ(errors_of(all), "");
  EXPECT_EQ(all->bridges.size(), 8U);
  EXPECT_TRUE(std::any_of(all->bridges.begin(), all->bridges.end(), is_pattern));
  EXPECT_TRUE(std::any_of(all->bridges.begin(), all->bridges.end(), [](const auto& b) { return b.metered; }));
  EXPECT_FALSE(all->dev_exclude.empty());
  EXPECT_FALSE(all->common.control_path.empty());
  EXPECT_EQ(all->common.key_file, "conf/tunnel.key");
  EXPECT_TRUE(all->common.encrypt);
  EXPECT_TRUE(all->common.log_level);
  EXPECT_FALSE(all->client_id.empty());
}

TEST(ConfFiles, ClientFileShowsTheDefaults) {
  const auto shown = parse_client_config(content_of("mpclient.conf"), "c");
  const auto unsaid = parse_client_config("h 1\n", "c");
  ASSERT_TRUE(shown && unsaid);
  ASSERT_EQ(shown->listen.size(), unsaid->listen.size());
  for (std::size_t i = 0; i < shown->listen.size(); ++i) {
    EXPECT_EQ(shown->listen[i].endpoint, unsaid->listen[i].endpoint);
  }
  EXPECT_EQ(shown->common.encrypt, true);
  EXPECT_EQ(shown->common.log_level, LogLevel::info);
  EXPECT_EQ(shown->min_paths, unsaid->min_paths);
  EXPECT_EQ(shown->keepalive, unsaid->keepalive);
  EXPECT_EQ(shown->common.resolve_interval, unsaid->common.resolve_interval);
  EXPECT_EQ(shown->common.copy_dscp, unsaid->common.copy_dscp);
  for (const std::string_view statement : {"\nmin-paths ", "\nkeepalive ", "\nresolve-interval ", "\ndscp "})
    EXPECT_NE(content_of("mpclient.conf").find(statement), std::string::npos) << statement;
}

TEST(ConfFiles, ServerFileIsRightAndShowsEveryStatement) {
  const std::string text = content_of("mpserver.conf");
  EXPECT_EQ(errors_of(parse_server_config(text, "conf/mpserver.conf")), "");
  const auto all = parse_server_config(with_examples(text), "conf/mpserver.conf");
  ASSERT_EQ(errors_of(all), "");
  EXPECT_EQ(all->listen.size(), 4U);
  EXPECT_FALSE(all->common.control_path.empty());
  EXPECT_EQ(all->common.resolve_interval, CommonConfig{}.resolve_interval);
  for (const std::string_view statement : {"\nresolve-interval ", "\ndscp "})
    EXPECT_NE(text.find(statement), std::string::npos) << statement;
  EXPECT_EQ(all->common.key_file, "conf/tunnel.key");
  EXPECT_TRUE(all->common.encrypt);
  EXPECT_TRUE(all->common.log_level);
}

TEST(ConfFiles, LoopbackSetFitsTogether) {
  const auto client =
      parse_client_config(content_of("loopback/mpclient.conf"), "conf/loopback/mpclient.conf");
  const auto server =
      parse_server_config(content_of("loopback/mpserver.conf"), "conf/loopback/mpserver.conf");
  ASSERT_EQ(errors_of(client), "");
  ASSERT_EQ(errors_of(server), "");
  ASSERT_EQ(client->bridges.size(), 3U);
  for (std::uint16_t i = 0; i < 3; ++i) {
    EXPECT_EQ(client->bridges[i].remote, (HostPort{"127.0.0.1", static_cast<std::uint16_t>(4001 + i)}));
  }
  ASSERT_EQ(server->listen.size(), 1U);
  EXPECT_EQ(server->listen[0].endpoint.to_string(), "127.0.0.1:2000");
  EXPECT_EQ(server->target, (HostPort{"127.0.0.1", 1194}));
}

}  // namespace
}  // namespace mptunnel
