// Turns host names into addresses off the loop's thread. What it is not: a cache, or a judge of when to ask
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

/// Addresses in the order of preference (RFC 6724), at least one; or a sentence that says why there is none.
using ResolveResult = tl::expected<std::vector<Endpoint>, std::string>;

/// getaddrinfo, for UDP. It may block for as long as the system's resolver is willing to wait.
ResolveResult system_lookup(const std::string& host, std::uint16_t port);

/// Up to kMaxThreads names are looked up at once, each in a thread of its own, started on demand: a slow name
/// does not hold up the others. Numeric addresses take no thread. All calls and callbacks on the loop's
/// thread.
class Resolver {
  struct Pool;

 public:
  static constexpr std::size_t kMaxThreads = 4;
  /// Names that wait for a thread; more are answered with an error.
  static constexpr std::size_t kMaxWaiting = 256;

  using Callback = std::function<void(ResolveResult)>;
  using Lookup = std::function<ResolveResult(const std::string& host, std::uint16_t port)>;
  /// A question under way. Destroying it withdraws the question: its callback is never called then.
  class Request {
   public:
    Request() = default;
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    Request(Request&& other) noexcept = default;
    Request& operator=(Request&& other) noexcept;
    ~Request();
    void cancel();
    /// False once answered or cancelled.
    [[nodiscard]] bool pending() const;

   private:
    friend class Resolver;
    std::weak_ptr<Pool> pool_;
    std::uint64_t id_ = 0;
  };

  /// `lookup` runs in the threads, several at once, and may outlive the resolver there.
  explicit Resolver(Loop& loop, Lookup lookup = system_lookup);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  /// Withdraws all questions. A lookup that is stuck is left behind, not waited for.
  ~Resolver();

  /// Calls back once, from a later turn of the loop.
  [[nodiscard]] Request resolve(std::string_view host, std::uint16_t port, Callback callback);

 private:
  std::shared_ptr<Pool> pool_;
  Wakeup wakeup_;

  void deliver();
};

}  // namespace mptunnel
