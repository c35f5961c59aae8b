#include "sim/payload.h"

#include <algorithm>

#include "mptunnel/base/cursor.h"
#include "support/common/prng.h"

namespace mptunnel::sim {

void Ledger::write(std::uint32_t number, const Record& record, Bytes out) {
  if (out.size() < kLabelBytes) {
    const auto tag = static_cast<std::uint8_t>(2U * record.application + (record.is_reply ? 1U : 0U));
    std::fill(out.begin(), out.end(), tag);
    return;
  }
  ByteWriter writer(out);
  writer.u32(number);
  writer.u16(record.application);
  writer.u16(record.is_reply ? 1 : 0);
  std::uint64_t state = number;
  while (writer.room() >= 8) writer.u64(test::split_mix64(state));
  while (writer.room() > 0) writer.u8(static_cast<std::uint8_t>(state));
}

std::uint32_t Ledger::offer(Record record, Bytes out) {
  const auto number = static_cast<std::uint32_t>(records_.size());
  write(number, record, out);
  if (out.size() < kLabelBytes) {
    small_[Alike{record.offered_to, record.application, out.size()}].push_back(number);
  }
  records_.push_back(record);
  return number;
}

std::optional<std::uint32_t> Ledger::sealed(ConstBytes payload, std::uint16_t application, ProcessNumber by) {
  std::uint32_t number = 0;
  if (payload.size() < kLabelBytes) {
    auto& alike = small_[Alike{by, application, payload.size()}];
    if (alike.empty()) return std::nullopt;
    // They are alike; the newest, because older ones may have been dropped without a trace.
    number = alike.back();
    alike.pop_back();
  } else {
    number = *ByteReader(payload).u32();
  }
  if (number >= records_.size()) return std::nullopt;
  Record& record = records_[number];
  if (record.sealed || record.offered_to != by || record.application != application) return std::nullopt;
  if (record.size != payload.size()) return std::nullopt;
  scratch_.resize(payload.size());
  write(number, record, scratch_);
  if (!std::equal(payload.begin(), payload.end(), scratch_.begin())) return std::nullopt;
  record.sealed = true;
  return number;
}

std::size_t Ledger::offered_since(ProcessNumber process, TimePoint since) const {
  std::size_t count = 0;
  for (auto record = records_.rbegin(); record != records_.rend() && record->offered > since; ++record) {
    if (record->offered_to == process) ++count;
  }
  return count;
}

}  // namespace mptunnel::sim
