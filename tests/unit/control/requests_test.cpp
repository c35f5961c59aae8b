#include <gtest/gtest.h>

#include "mptunnel/control/render.h"

namespace mptunnel {
namespace {

TEST(Requests, AreAnsweredWithTheStatusAsAsked) {
  Status status;
  status.version = "1.0.0";
  const auto collect = [&status] { return status; };
  EXPECT_EQ(answer_request("status", collect), render_table(status));
  EXPECT_EQ(answer_request("status json", collect), render_json(status));
}

TEST(Requests, UnknownOneCollectsNothing) {
  const auto collect = []() -> Status {
    ADD_FAILURE() << "nobody needs a status";
    return {};
  };
  for (const char* request : {"", "Status", "status ", "quit"}) {
    EXPECT_EQ(answer_request(request, collect), "error: the requests are 'status' and 'status json'\n");
  }
}

}  // namespace
}  // namespace mptunnel
