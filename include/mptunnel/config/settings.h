// The common statements as one run uses them, after the command line and the environment have replaced some,
// and where their values come from.
#pragma once

#include <cstdint>
#include <string>

#include "mptunnel/base/log_level.h"
#include "mptunnel/config/config.h"

namespace mptunnel {

/// Where the key comes from.
struct KeySource {
  enum class Kind : std::uint8_t { none, text, file };
  Kind kind = Kind::none;
  std::string value;   ///< the key itself, never to be printed, or the file's name
  std::string origin;  ///< for messages: "--key-file", "MPTUNNEL_KEY", "mpclient.conf:7"
};

struct Settings {
  KeySource key_source;
  bool encrypt = true;
  std::string encrypt_origin;  ///< for people: "default", "MPTUNNEL_ENCRYPT", "mpclient.conf:4"
  CipherChoice cipher = CipherChoice::automatic;
  bool offload = true;
  std::string offload_origin;  ///< as encrypt_origin
  LogLevel log_level = LogLevel::info;
  std::string control;  ///< the control socket: empty for the default, "none" for none
};

}  // namespace mptunnel
