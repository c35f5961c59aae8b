// Sets up one network interface, by rtnetlink: up or down, MTU, addresses. Each call is one question to the
// kernel, or two, and takes at most a second; without CAP_NET_ADMIN it is an error that says so.
// Every error is a sentence for people, with the name of the interface.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "mptunnel/ip/prefix.h"

namespace mptunnel {

/// The address that an RTM_NEWADDR is about, if it is one of the interface `index`; nullopt if it is broken
/// or another message. It must start at a multiple of 4 bytes.
std::optional<AddressPrefix> read_link_address(std::span<const std::uint8_t> message, std::uint32_t index);

class LinkConfig {
 public:
  /// The interface is the one of this number, whatever it is called by now; the name is for people.
  LinkConfig(std::uint32_t index, std::string name) : index_(index), name_(std::move(name)) {}

  tl::expected<void, std::string> set_up(bool is_up) const;
  /// Bytes of an IP packet: 68 to 65,535. Below 1,280 Linux takes all IPv6 off the interface.
  tl::expected<void, std::string> set_mtu(std::uint32_t bytes) const;
  /// What it has now; nullopt if it is gone.
  [[nodiscard]] std::optional<std::uint32_t> mtu() const;
  [[nodiscard]] bool is_up() const;
  /// Up, and of a TUN device: it has a reader.
  [[nodiscard]] bool is_running() const;
  /// Packets that wait for whoever reads a TUN device (500, unless it was set): a super-packet is one.
  tl::expected<void, std::string> set_queue_length(std::uint32_t packets) const;

  /// One that is there already is no error. IPv6 is not asked for on the link first whether somebody else has
  /// it (IFA_F_NODAD): it can be used at once.
  tl::expected<void, std::string> add_address(const AddressPrefix& address) const;
  /// One that is not there is no error, nor is an interface that is gone.
  tl::expected<void, std::string> remove_address(const AddressPrefix& address) const;
  /// All of both families, link-local ones as well.
  [[nodiscard]] tl::expected<std::vector<AddressPrefix>, std::string> addresses() const;

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::uint32_t index_;
  std::string name_;
};

}  // namespace mptunnel
