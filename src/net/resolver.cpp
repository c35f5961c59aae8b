#include "mptunnel/net/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "mptunnel/net/socket_address.h"

namespace mptunnel {
namespace {

// A thread without work ends after this long.
constexpr auto kIdleTime = std::chrono::seconds(10);
// How long the end of a resolver waits for its threads; one that is stuck in a lookup is left behind.
constexpr auto kFarewellTime = std::chrono::milliseconds(100);

tl::unexpected<std::string> unresolved(const std::string& host, std::string_view reason) {
  return tl::make_unexpected(fmt::format("{} does not resolve: {}", host, reason));
}

ResolveResult ask_system(const std::string& host, std::uint16_t port, int flags) {
  if (host.find('\0') != std::string::npos) return unresolved("the name", "it contains a zero byte");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (status == EAI_SYSTEM) return unresolved(host, std::generic_category().message(errno));
  if (status != 0) return unresolved(host, gai_strerror(status));
  std::vector<Endpoint> found;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address{};
    std::memcpy(&address, entry->ai_addr, std::min<std::size_t>(entry->ai_addrlen, sizeof address));
    const Endpoint endpoint = from_socket_address(address).with_port(port);
    if (endpoint.is_set() && std::find(found.begin(), found.end(), endpoint) == found.end()) {
      found.push_back(endpoint);
    }
  }
  freeaddrinfo(list);
  if (found.empty()) return unresolved(host, "it has no IPv4 or IPv6 address");
  return found;
}

// The answer for what is no name, and so needs no name server: IPv4, or anything with a colon in it.
std::optional<ResolveResult> numeric_answer(const std::string& host, std::uint16_t port) {
  if (const auto endpoint = parse_numeric_endpoint(host, port)) return std::vector{*endpoint};
  if (host.find(':') == std::string::npos) return std::nullopt;
  return ask_system(host, port, AI_NUMERICHOST);  // fe80::1%eth0
}

}  // namespace

ResolveResult system_lookup(const std::string& host, std::uint16_t port) {
  if (auto answer = numeric_answer(host, port)) return *std::move(answer);
  return ask_system(host, port, 0);
}

// What the threads and the requests share with the resolver. Threads hold it, so that it outlives a resolver
// that has gone.
struct Resolver::Pool : std::enable_shared_from_this<Resolver::Pool> {
  struct Question {
    std::uint64_t id;
    std::string host;
    std::uint16_t port;
  };
  struct Answer {
    std::uint64_t id;
    ResolveResult result;
  };

  Pool(Lookup its_lookup, Wakeup& its_wakeup) : lookup(std::move(its_lookup)), wakeup(&its_wakeup) {}

  void answer(std::uint64_t id, ResolveResult result) {
    const std::lock_guard lock(mutex);
    answer_locked(id, std::move(result));
  }

  void answer_locked(std::uint64_t id, ResolveResult result) {
    if (closing) return;
    answers.push_back({id, std::move(result)});
    wakeup->notify();
  }

  void ask(Question question) {
    const std::lock_guard lock(mutex);
    if (waiting.size() >= kMaxWaiting) {
      answer_locked(question.id, unresolved(question.host, "too many other names wait to be resolved"));
      return;
    }
    waiting.push_back(std::move(question));
    if (waiting.size() > idle && threads < kMaxThreads) start_thread();
    if (threads == 0) {
      const Question lost = std::move(waiting.back());
      waiting.pop_back();
      answer_locked(lost.id, unresolved(lost.host, "no thread could be started"));
      return;
    }
    work.notify_one();
  }

  void withdraw(std::uint64_t id) {
    const std::lock_guard lock(mutex);
    std::erase_if(waiting, [id](const Question& question) { return question.id == id; });
  }

  std::vector<Answer> take_answers() {
    const std::lock_guard lock(mutex);
    return std::exchange(answers, {});
  }

  // The mutex is held. Signals are for the loop's thread: a new thread inherits the mask of the one that
  // starts it.
  void start_thread() {
    sigset_t all{};
    sigset_t before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      std::thread([pool = shared_from_this()] { pool->work_off(); }).detach();
      ++threads;
    } catch (const std::system_error&) {
      // Those that run already will come to it.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void work_off() {
    std::unique_lock lock(mutex);
    while (true) {
      ++idle;
      const bool called = work.wait_for(lock, kIdleTime, [this] { return closing || !waiting.empty(); });
      --idle;
      if (!called || closing) break;
      const Question question = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      ResolveResult result;
      try {
        result = lookup(question.host, question.port);
      } catch (const std::exception& problem) {
        result = unresolved(question.host, problem.what());
      }
      lock.lock();
      answer_locked(question.id, std::move(result));
    }
    --threads;
    gone.notify_all();
  }

  void close() {
    std::unique_lock lock(mutex);
    closing = true;
    wakeup = nullptr;
    waiting.clear();
    answers.clear();
    work.notify_all();
    gone.wait_for(lock, kFarewellTime, [this] { return threads == 0; });
  }

  std::map<std::uint64_t, Callback> callbacks;  // that wait for an answer; the loop's thread alone has these
  std::uint64_t last_id = 0;                    // and this
  const Lookup lookup;
  std::mutex mutex;  // guards all below
  std::condition_variable work;
  std::condition_variable gone;
  Wakeup* wakeup;
  std::deque<Question> waiting;
  std::vector<Answer> answers;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool closing = false;
};

Resolver::Resolver(Loop& loop, Lookup lookup) : wakeup_(loop, [this] { deliver(); }) {
  pool_ = std::make_shared<Pool>(std::move(lookup), wakeup_);
}

Resolver::~Resolver() {
  // Taken out first: what the callbacks hold may withdraw requests.
  const auto withdrawn = std::exchange(pool_->callbacks, {});
  pool_->close();
}

Resolver::Request Resolver::resolve(std::string_view host, std::uint16_t port, Callback callback) {
  Request request;
  request.pool_ = pool_;
  request.id_ = ++pool_->last_id;
  pool_->callbacks.emplace(request.id_, std::move(callback));
  std::string name(host);
  if (auto answer = numeric_answer(name, port)) {
    pool_->answer(request.id_, *std::move(answer));
  } else {
    pool_->ask({request.id_, std::move(name), port});
  }
  return request;
}

void Resolver::deliver() {
  // A callback may end this resolver, which withdraws the others.
  const auto pool = pool_;
  for (auto& [id, result] : pool->take_answers()) {
    auto found = pool->callbacks.extract(id);
    if (found) found.mapped()(std::move(result));
  }
}

Resolver::Request& Resolver::Request::operator=(Request&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  pool_ = std::move(other.pool_);
  id_ = other.id_;
  return *this;
}

Resolver::Request::~Request() {
  cancel();
}

void Resolver::Request::cancel() {
  const auto pool = std::exchange(pool_, {}).lock();
  if (!pool) return;
  // Taken out first: what the callback holds may hold this request.
  const auto withdrawn = pool->callbacks.extract(id_);
  if (withdrawn) pool->withdraw(withdrawn.key());
}

bool Resolver::Request::pending() const {
  const auto pool = pool_.lock();
  return pool && pool->callbacks.contains(id_);
}

}  // namespace mptunnel
