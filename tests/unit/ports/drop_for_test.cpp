#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <utility>

#include "mptunnel/ports/run_sender.h"

namespace mptunnel {
namespace {

TEST(DropFor, NamesTheErrorsOfASend) {
  constexpr std::array kRows{
      std::pair{EAGAIN, Drop::would_block},        std::pair{ENOBUFS, Drop::no_buffers},
      std::pair{ENOMEM, Drop::no_buffers},         std::pair{EMSGSIZE, Drop::message_size},
      std::pair{ECONNREFUSED, Drop::refused},      std::pair{ENETUNREACH, Drop::unreachable},
      std::pair{EHOSTUNREACH, Drop::unreachable},  std::pair{ENETDOWN, Drop::unreachable},
      std::pair{EADDRNOTAVAIL, Drop::unreachable}, std::pair{ENODEV, Drop::unreachable},
      std::pair{EPERM, Drop::socket_error},
  };
  for (const auto& [error, drop] : kRows) EXPECT_EQ(drop_for(error), drop) << error;
}

}  // namespace
}  // namespace mptunnel
