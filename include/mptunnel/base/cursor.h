// Reading and writing big-endian fields in a span. The reader trusts nothing; the writer's caller knows its
// sizes.
#pragma once

#include <cstring>
#include <optional>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// Largest value of a variable-length integer that we use (RFC 9000, section 16, the 1- and 2-byte forms).
inline constexpr std::uint16_t kMaxVarint = 16383;

/// Bytes that `value` takes as a variable-length integer: 1 below 64, else 2.
constexpr std::size_t varint_bytes(std::uint16_t value) {
  return value < 64 ? 1 : 2;
}

/// Largest value of one that may be wide: the 4-byte form as well.
inline constexpr std::uint32_t kMaxWideVarint = (std::uint32_t{1} << 30U) - 1;

/// Bytes that `value` takes as a wide one: 1, 2 or 4.
constexpr std::size_t wide_varint_bytes(std::uint32_t value) {
  return value > kMaxVarint ? 4 : varint_bytes(static_cast<std::uint16_t>(value));
}

/// Reads fields from the front of a span. Each read returns nullopt, and stays where it is, if too few
/// bytes are left.
class ByteReader {
 public:
  explicit ByteReader(ConstBytes bytes) : rest_(bytes) {}

  [[nodiscard]] ConstBytes rest() const { return rest_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

  std::optional<std::uint8_t> u8() { return number<std::uint8_t>(1); }
  std::optional<std::uint16_t> u16() { return number<std::uint16_t>(2); }
  std::optional<std::uint32_t> u24() { return number<std::uint32_t>(3); }
  std::optional<std::uint32_t> u32() { return number<std::uint32_t>(4); }
  std::optional<std::uint64_t> u64() { return number<std::uint64_t>(8); }

  /// A variable-length integer of 1 or 2 bytes (RFC 9000, section 16); the 4- and 8-byte forms are refused.
  std::optional<std::uint16_t> varint() {
    if (rest_.empty()) return std::nullopt;
    const unsigned form = rest_.front() >> 6U;
    if (form == 0) return u8();
    if (form != 1) return std::nullopt;
    const auto value = u16();
    if (!value) return std::nullopt;
    return static_cast<std::uint16_t>(*value & kMaxVarint);
  }

  /// The same, or of 4 bytes; the 8-byte form is refused.
  std::optional<std::uint32_t> wide_varint() {
    if (rest_.empty() || rest_.front() >> 6U != 2) return varint();
    const auto value = u32();
    if (!value) return std::nullopt;
    return *value & kMaxWideVarint;
  }

  /// The next `count` bytes, as a view into the span.
  std::optional<ConstBytes> bytes(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    const ConstBytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

 private:
  template <typename T>
  std::optional<T> number(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8U | rest_[i];
    rest_ = rest_.subspan(count);
    return static_cast<T>(value);
  }

  ConstBytes rest_;
};

/// Writes fields to the front of a span, which must be large enough: a write past its end is our own bug.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t written() const { return at_; }
  [[nodiscard]] std::size_t room() const { return bytes_.size() - at_; }

  void u8(std::uint8_t value) { number(value, 1); }
  void u16(std::uint16_t value) { number(value, 2); }
  void u24(std::uint32_t value) {
    MPT_ASSERT(value < std::uint32_t{1} << 24U);
    number(value, 3);
  }
  void u32(std::uint32_t value) { number(value, 4); }
  void u64(std::uint64_t value) { number(value, 8); }

  void varint(std::uint16_t value) {
    MPT_ASSERT(value <= kMaxVarint);
    if (value < 64) {
      u8(static_cast<std::uint8_t>(value));
    } else {
      u16(static_cast<std::uint16_t>(value | 0x4000U));
    }
  }

  void wide_varint(std::uint32_t value) {
    MPT_ASSERT(value <= kMaxWideVarint);
    if (value <= kMaxVarint) {
      varint(static_cast<std::uint16_t>(value));
    } else {
      u32(value | 0x80000000U);
    }
  }

  void bytes(ConstBytes source) {
    MPT_ASSERT(source.size() <= room());
    if (!source.empty()) std::memcpy(bytes_.data() + at_, source.data(), source.size());
    at_ += source.size();
  }

  void zeros(std::size_t count) {
    MPT_ASSERT(count <= room());
    if (count > 0) std::memset(bytes_.data() + at_, 0, count);
    at_ += count;
  }

 private:
  void number(std::uint64_t value, std::size_t count) {
    MPT_ASSERT(count <= room());
    for (std::size_t i = 0; i < count; ++i) {
      bytes_[at_ + i] = static_cast<std::uint8_t>(value >> 8U * (count - 1 - i));
    }
    at_ += count;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
};

}  // namespace mptunnel
