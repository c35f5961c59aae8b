// A visitor for std::visit made of lambdas, one for each alternative: with none for a catch-all, a new
// alternative does not build until each visitor has a case for it.
#pragma once

namespace mptunnel {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace mptunnel
