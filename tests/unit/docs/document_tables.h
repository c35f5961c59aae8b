// The tables of a Markdown document and the lists of a manual page (mdoc), as text to compare.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mptunnel::test {

/// Below the folder of the sources.
std::string document(const std::string& name);

/// The rows of the table whose heading is exactly this line, each as its cells, without the line of dashes.
/// "\|" has become "|". Empty if there is no such table.
using TableRow = std::vector<std::string>;
std::vector<TableRow> table_rows(const std::string& text, std::string_view heading);

/// The words in `backquotes` of a cell.
std::vector<std::string> quoted_words(const std::string& cell);

/// An ".It" of a manual page.
struct ManualEntry {
  std::string term;        ///< in small letters, without blanks and macros: "--key-filefile", "encryptyes|no"
  std::string text;        ///< in one line, macros left out, a blank on each side
  bool is_nested = false;  ///< in a list within a list
};
std::vector<ManualEntry> manual_entries(const std::string& page);

/// "encrypt yes|no" as ManualEntry::term.
std::string term_of(std::string_view synopsis);

}  // namespace mptunnel::test
