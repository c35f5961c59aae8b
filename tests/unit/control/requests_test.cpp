#include <gtest/gtest.h>

#include "mptunnel/control/render.h"

namespace mptunnel {
namespace {

ControlActions nothing_to_do() {
  return {[]() -> Status {
            ADD_FAILURE() << "nobody needs a status";
            return {};
          },
          []() -> tl::expected<std::string, std::string> {
            ADD_FAILURE() << "nobody wants a reload";
            return "";
          }};
}

TEST(Requests, AreAnsweredWithTheStatusAsAsked) {
  Status status;
  status.version = "1.0.0";
  ControlActions actions = nothing_to_do();
  actions.status = [&status] { return status; };
  EXPECT_EQ(answer_request("status", actions), render_table(status, TableWidth::terminal));
  EXPECT_EQ(answer_request("status wide", actions), render_table(status, TableWidth::wide));
  EXPECT_EQ(answer_request("status json", actions), render_json(status));
  EXPECT_EQ(answer_request("status healthy", actions), "error: no session with mpserver\n");
  status.session.state = SessionState::established;
  EXPECT_EQ(answer_request("status healthy", actions), "healthy\n");
  status.outage = "no path carries data";
  EXPECT_EQ(answer_request("status healthy", actions), "error: no path carries data\n");
}

TEST(Requests, ReloadSaysWhatWasReadOrWhatIsWrong) {
  ControlActions actions = nothing_to_do();
  actions.reload = [] { return tl::expected<std::string, std::string>("read again: 2 clients"); };
  EXPECT_EQ(answer_request("reload", actions), "read again: 2 clients\n");
  actions.reload = []() -> tl::expected<std::string, std::string> {
    return tl::make_unexpected("k:3: wrong");
  };
  EXPECT_EQ(answer_request("reload", actions), "error: k:3: wrong\n");
}

TEST(Requests, UnknownOneCausesNothing) {
  for (const char* request : {"", "Status", "status ", "quit", "reload now"}) {
    EXPECT_EQ(
        answer_request(request, nothing_to_do()),
        "error: the requests are 'status', 'status wide', 'status json', 'status healthy' and 'reload'\n");
  }
}

}  // namespace
}  // namespace mptunnel
