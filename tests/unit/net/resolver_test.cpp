#include "mptunnel/net/resolver.h"

#include <condition_variable>
#include <mutex>
#include <optional>

#include "net_support.h"

namespace mptunnel {
namespace {

using test::endpoint;
using test::PatientLoop;

// A name service that answers "192.0.2.1" at once, and names that begin with "slow" only once it is let go.
class Gate {
 public:
  ResolveResult operator()(const std::string& host, std::uint16_t port) {
    std::unique_lock lock(mutex_);
    if (host.starts_with("slow")) {
      ++inside_;
      changed_.notify_all();
      EXPECT_TRUE(changed_.wait_for(lock, test::kPatience, [this] { return open_; }));
      --inside_;
      changed_.notify_all();
    }
    if (host.starts_with("bad")) return tl::make_unexpected("no such name");
    if (host.starts_with("throw")) throw std::runtime_error("thrown");
    return std::vector{endpoint("192.0.2.1", port)};
  }

  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  void wait_inside(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, test::kPatience, [&] { return inside_ == count; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
};

class ResolverTest : public ::testing::Test {
 protected:
  static Resolver::Lookup through(const std::shared_ptr<Gate>& gate) {
    return [gate](const std::string& host, std::uint16_t port) { return (*gate)(host, port); };
  }

  PatientLoop loop_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

TEST_F(ResolverTest, AnswersOnTheLoop) {
  Resolver resolver(loop_, through(gate_));
  std::optional<ResolveResult> answer;
  const auto request = resolver.resolve("bridge.example", 4000, [&](ResolveResult result) {
    answer = std::move(result);
    loop_.stop();
  });
  EXPECT_TRUE(request.pending());
  EXPECT_FALSE(answer);
  loop_.run();
  EXPECT_FALSE(request.pending());
  ASSERT_TRUE(answer && answer->has_value());
  EXPECT_EQ(answer->value(), std::vector{endpoint("192.0.2.1", 4000)});
}

TEST_F(ResolverTest, TellsWhyANameFails) {
  Resolver resolver(loop_, through(gate_));
  std::optional<ResolveResult> bad;
  std::optional<ResolveResult> thrown;
  const auto done = [&] {
    if (bad && thrown) loop_.stop();
  };
  const auto first = resolver.resolve("bad.example", 1, [&](ResolveResult result) {
    bad = std::move(result);
    done();
  });
  const auto second = resolver.resolve("throw.example", 1, [&](ResolveResult result) {
    thrown = std::move(result);
    done();
  });
  loop_.run();
  ASSERT_TRUE(bad && !bad->has_value());
  EXPECT_EQ(bad->error(), "no such name");
  ASSERT_TRUE(thrown && !thrown->has_value());
  EXPECT_EQ(thrown->error(), "throw.example does not resolve: thrown");
}

TEST_F(ResolverTest, NumericAddressesTakeNoThread) {
  Resolver resolver(loop_, [](const std::string&, std::uint16_t) -> ResolveResult {
    ADD_FAILURE() << "looked up";
    return tl::make_unexpected("");
  });
  std::vector<std::string> answers;
  std::vector<Resolver::Request> requests;
  for (const char* host : {"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.8", "fe80::1%lo", "1:2:3"}) {
    requests.push_back(resolver.resolve(host, 53, [&](ResolveResult result) {
      answers.push_back(result ? result->front().to_string() : result.error());
      if (answers.size() == 5) loop_.stop();
    }));
  }
  EXPECT_TRUE(answers.empty());
  loop_.run();
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_EQ(answers[0], "192.0.2.7:53");
  EXPECT_EQ(answers[1], "[2001:db8::7]:53");
  EXPECT_EQ(answers[2], "192.0.2.8:53");
  EXPECT_EQ(answers[3], "[fe80::1%1]:53");
  EXPECT_TRUE(answers[4].starts_with("1:2:3 does not resolve: ")) << answers[4];
}

TEST_F(ResolverTest, SlowNamesDoNotHoldUpOthers) {
  Resolver resolver(loop_, through(gate_));
  std::vector<std::string> answered;
  std::vector<Resolver::Request> requests;
  const auto ask = [&](const std::string& name, std::function<void()> then) {
    requests.push_back(resolver.resolve(name, 1, [&answered, name, then](const ResolveResult&) {
      answered.push_back(name);
      then();
    }));
  };
  for (const char* name : {"slow1", "slow2", "slow3"}) {
    ask(name, [&] {
      if (answered.size() == 5) loop_.stop();
    });
  }
  ask("quick1", [] {});
  ask("quick2", [&] {
    EXPECT_EQ(answered, (std::vector<std::string>{"quick1", "quick2"}));
    gate_->open();
  });
  loop_.run();
  EXPECT_EQ(answered.size(), 5U);
}

TEST_F(ResolverTest, NamesBeyondTheThreadsWaitAndBeyondTheQueueFail) {
  Resolver resolver(loop_, through(gate_));
  std::size_t good = 0;
  std::string refusal;
  std::vector<Resolver::Request> requests;
  const auto count = [&](const ResolveResult& result) {
    if (!result) {
      refusal = result.error();
      gate_->open();
    } else if (++good == Resolver::kMaxThreads + Resolver::kMaxWaiting) {
      loop_.stop();
    }
  };
  for (std::size_t i = 0; i < Resolver::kMaxThreads; ++i)
    requests.push_back(resolver.resolve("slow", 1, count));
  gate_->wait_inside(static_cast<int>(Resolver::kMaxThreads));
  for (std::size_t i = 0; i < Resolver::kMaxWaiting; ++i)
    requests.push_back(resolver.resolve("quick", 1, count));
  requests.push_back(resolver.resolve("last", 1, count));
  loop_.run();
  EXPECT_EQ(refusal, "last does not resolve: too many other names wait to be resolved");
}

TEST_F(ResolverTest, CancelledRequestIsNeverAnswered) {
  Resolver resolver(loop_, through(gate_));
  bool called = false;
  {
    const auto under_way = resolver.resolve("slow", 1, [&](const ResolveResult&) { called = true; });
    gate_->wait_inside(1);
    auto replaced = resolver.resolve("192.0.2.1", 1, [&](const ResolveResult&) { called = true; });
    replaced = resolver.resolve("192.0.2.2", 1, [&](const ResolveResult&) { called = true; });
    replaced.cancel();
    EXPECT_FALSE(replaced.pending());
  }
  gate_->open();
  gate_->wait_inside(0);
  const auto last = resolver.resolve("other", 1, [&](const ResolveResult&) { loop_.stop(); });
  loop_.run();
  EXPECT_FALSE(called);
}

TEST_F(ResolverTest, WithdrawnNamesLeaveTheQueue) {
  Resolver resolver(loop_, through(gate_));
  std::vector<Resolver::Request> stuck;
  for (std::size_t i = 0; i < Resolver::kMaxThreads; ++i) {
    stuck.push_back(resolver.resolve("slow", 1, [](const ResolveResult&) {}));
  }
  gate_->wait_inside(static_cast<int>(Resolver::kMaxThreads));
  for (std::size_t i = 0; i < 2 * Resolver::kMaxWaiting; ++i) {
    const auto dropped = resolver.resolve("quick", 1, [](const ResolveResult&) { ADD_FAILURE(); });
  }
  bool good = false;
  const auto last = resolver.resolve("quick", 1, [&](const ResolveResult& result) {
    good = result.has_value();
    loop_.stop();
  });
  gate_->open();
  loop_.run();
  EXPECT_TRUE(good);
}

TEST_F(ResolverTest, EndsInAMomentThoughALookupIsStuck) {
  std::optional<Resolver> resolver(std::in_place, loop_, through(gate_));
  auto request = resolver->resolve("slow", 1, [](const ResolveResult&) { ADD_FAILURE(); });
  gate_->wait_inside(1);
  const TimePoint before = monotonic_now();
  resolver.reset();
  EXPECT_LT(monotonic_now() - before, std::chrono::seconds(2));
  EXPECT_FALSE(request.pending());
  request.cancel();
  gate_->open();
  gate_->wait_inside(0);
}

TEST_F(ResolverTest, MayBeDestroyedFromACallback) {
  std::optional<Resolver> resolver(std::in_place, loop_, through(gate_));
  int calls = 0;
  const auto end = [&](const ResolveResult&) {
    ++calls;
    resolver.reset();
    loop_.stop();
  };
  const auto first = resolver->resolve("192.0.2.1", 1, end);
  const auto second = resolver->resolve("192.0.2.2", 1, end);
  loop_.run();
  EXPECT_EQ(calls, 1);
}

TEST_F(ResolverTest, CallbackMayHoldItsOwnRequest) {
  struct Owner {
    Resolver::Request request;
  };
  Resolver resolver(loop_, through(gate_));
  auto owner = std::make_shared<Owner>();
  const std::weak_ptr<Owner> watched = owner;
  owner->request = resolver.resolve("slow", 1, [owner](const ResolveResult&) { ADD_FAILURE(); });
  Owner* raw = owner.get();
  owner.reset();
  EXPECT_FALSE(watched.expired());
  raw->request.cancel();
  EXPECT_TRUE(watched.expired());
  gate_->open();
}

TEST(SystemLookup, KnowsLocalhost) {
  const ResolveResult result = system_lookup("localhost", 3000);
  ASSERT_TRUE(result) << result.error();
  for (const Endpoint& found : *result) {
    EXPECT_TRUE(found == endpoint("127.0.0.1", 3000) || found == endpoint("::1", 3000)) << found.to_string();
  }
}

TEST(SystemLookup, RefusesWhatCannotBeAName) {
  const std::pair<const char*, std::string> rows[] = {
      {"empty", ""},
      {"label over 63 bytes", std::string(64, 'a') + ".example"},
      {"zero byte", std::string("local\0host", 10)},
      {"malformed IPv6", "::1::2"},
  };
  for (const auto& [name, host] : rows) {
    const ResolveResult result = system_lookup(host, 1);
    ASSERT_FALSE(result) << name;
    EXPECT_NE(result.error().find("does not resolve: "), std::string::npos) << name << ": " << result.error();
  }
}

}  // namespace
}  // namespace mptunnel
