// Names of things as types, so that a path can't be passed where a flow is meant.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace mptunnel {

template <typename Tag, typename Rep>
struct Id {
  using rep = Rep;
  Rep value{};
  friend constexpr auto operator<=>(Id, Id) = default;
};

/// Number of a packet under one key, type and direction: whole, from 0, never wrapping.
using PacketNumber = Id<struct PacketNumberTag, std::uint32_t>;
/// 24 bits, random, unique at its receiver: names one key epoch.
using SessionIndex = Id<struct SessionIndexTag, std::uint32_t>;
/// A path of one session, below kMaxPaths; chosen by the client.
using PathId = Id<struct PathIdTag, std::uint8_t>;
/// A flow of one session, as it stands in a packet, at most kMaxFlowId; chosen by the client.
using FlowId = Id<struct FlowIdTag, std::uint32_t>;
/// A flow as the engine and its program name it, unique in one process for as long as the flow lives.
using FlowHandle = Id<struct FlowHandleTag, std::uint32_t>;
/// A session as the engine and its program name it, unique in one process for as long as the session lives.
using SessionHandle = Id<struct SessionHandleTag, std::uint32_t>;

}  // namespace mptunnel

template <typename Tag, typename Rep>
struct std::hash<mptunnel::Id<Tag, Rep>> {
  std::size_t operator()(mptunnel::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
