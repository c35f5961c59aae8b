#include "mptunnel/base/odd_blank.h"

#include <array>

namespace mptunnel {
namespace {

struct KnownBlank {
  std::string_view bytes;  ///< in UTF-8
  std::string_view name;
};

/// Unicode 15, categories Zs and Cf: those that keyboards, browsers and word processors make.
constexpr std::array<KnownBlank, 9> kOddBlanks{{
    {"\xc2\xa0", "a no-break space (U+00A0)"},
    {"\xc2\xad", "a soft hyphen (U+00AD)"},
    {"\xe2\x80\x87", "a figure space (U+2007)"},
    {"\xe2\x80\x89", "a thin space (U+2009)"},
    {"\xe2\x80\x8b", "a zero width space (U+200B)"},
    {"\xe2\x80\xaf", "a narrow no-break space (U+202F)"},
    {"\xe2\x81\xa0", "a word joiner (U+2060)"},
    {"\xe3\x80\x80", "an ideographic space (U+3000)"},
    {"\xef\xbb\xbf", "a byte order mark (U+FEFF)"},
}};

}  // namespace

std::optional<OddBlank> find_odd_blank(std::string_view text) {
  std::optional<OddBlank> first;
  for (const KnownBlank& known : kOddBlanks) {
    const std::size_t at = text.find(known.bytes);
    if (at != std::string_view::npos && (!first || at < first->at)) first = OddBlank{at, known.name};
  }
  return first;
}

}  // namespace mptunnel
