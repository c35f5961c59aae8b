// What --check prints of each statement.
#pragma once

#include "mptunnel/config/statement.h"

namespace mptunnel {

CheckLines show_client_listen(const ClientConfig& config);
CheckLines show_server_listen(const ServerConfig& config);
CheckLines show_bridges(const ClientConfig& config);
CheckLines show_target(const ServerConfig& config);
CheckLines show_dev_exclude(const ClientConfig& config);
CheckLines show_min_paths(const ClientConfig& config);
CheckLines show_keepalive(const ClientConfig& config);
CheckLines show_client_id(const ClientConfig& config);
CheckLines show_key(const Settings& settings);
CheckLines show_encrypt(const Settings& settings);
CheckLines show_cipher(const Settings& settings);
CheckLines show_offload(const Settings& settings);
CheckLines show_log_level(const Settings& settings);
CheckLines show_resolve_interval(const CommonConfig& config);
CheckLines show_dscp(const CommonConfig& config);
CheckLines show_control(const Settings& settings);

}  // namespace mptunnel
