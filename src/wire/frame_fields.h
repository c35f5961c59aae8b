// What reading and writing of frames share: the order of fields, and numbers that stand for values.
#pragma once

#include <array>
#include <cstdint>

namespace mptunnel {

/// The fields of 4 bytes, in the order of the layout.
template <typename Report>
auto fields_of(Report& report) {
  return std::array{&report.sequence,   &report.time,     &report.echo,        &report.held,
                    &report.sent,       &report.received, &report.of,          &report.first,
                    &report.duplicates, &report.jitter,   &report.data_sealed, &report.data_opened,
                    &report.data_of};
}

/// The same of REPAIR_REPORT.
template <typename Report>
auto counts_of(Report& report) {
  return std::array{&report.of, &report.recovered, &report.lost, &report.runs, &report.useless};
}

inline constexpr std::uint8_t kFamilyIpv4 = 4;
inline constexpr std::uint8_t kFamilyIpv6 = 6;

}  // namespace mptunnel
