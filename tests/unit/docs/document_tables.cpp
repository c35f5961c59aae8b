#include "unit/docs/document_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

namespace mptunnel::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string trimmed(const std::string& cell) {
  const std::size_t start = cell.find_first_not_of(' ');
  if (start == std::string::npos) return {};
  return cell.substr(start, cell.find_last_not_of(' ') - start + 1);
}

/// The cells of "| a | b\|c |".
TableRow cells_of(const std::string& line) {
  TableRow cells(1);
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cells.back() += line[++i];
    } else if (line[i] == '|') {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  cells.pop_back();  // what is behind the last bar
  std::transform(cells.begin(), cells.end(), cells.begin(), trimmed);
  return cells;
}

bool is_macro(const std::string& word) {
  static const std::array<std::string_view, 7> kMacros{"Cm", "Ar", "Ns", "Fl", "Ev", "Li", "Op"};
  return std::find(kMacros.begin(), kMacros.end(), word) != kMacros.end();
}

/// The words of a line of mdoc without its macros; "Fl" is a '-', and "Op" puts the rest in brackets.
std::string plain_text(const std::string& line) {
  const bool is_request = line.starts_with('.');
  std::string text;
  std::string end;
  for (const std::string& word : words_of(is_request ? line.substr(1) : line)) {
    if (is_request && word == "Fl") text += '-';
    if (is_request && word == "Op") {
      text += '[';
      end += ']';
    }
    if (!is_request || !is_macro(word)) text += word + " ";
  }
  return text + end;
}

}  // namespace

std::string document(const std::string& name) {
  std::ifstream file(std::string(MPTUNNEL_SOURCE_DIR) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<TableRow> table_rows(const std::string& text, std::string_view heading) {
  const std::vector<std::string> lines = lines_of(text);
  auto line = std::find(lines.begin(), lines.end(), heading);
  std::vector<TableRow> rows;
  if (line == lines.end()) return rows;
  for (line += 2; line < lines.end() && line->starts_with('|'); ++line) rows.push_back(cells_of(*line));
  return rows;
}

std::vector<std::string> quoted_words(const std::string& cell) {
  std::vector<std::string> words;
  for (std::size_t start = cell.find('`'); start != std::string::npos;) {
    const std::size_t end = cell.find('`', start + 1);
    if (end == std::string::npos) break;
    words.push_back(cell.substr(start + 1, end - start - 1));
    start = cell.find('`', end + 1);
  }
  return words;
}

std::vector<ManualEntry> manual_entries(const std::string& page) {
  std::vector<ManualEntry> entries;
  std::vector<std::size_t> open;  // the entry that each list is in the middle of
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with(".Bl")) {
      open.push_back(0);
    } else if (line.starts_with(".El") && !open.empty()) {
      open.pop_back();
    } else if (line.starts_with(".It") && !open.empty()) {
      open.back() = entries.size();
      entries.push_back(
          {.term = term_of(plain_text("." + line.substr(std::min<std::size_t>(line.size(), 4)))),
           .text = " ",
           .is_nested = open.size() > 1});
    } else if (!open.empty() && !entries.empty()) {
      entries[open.back()].text += plain_text(line);
    }
  }
  return entries;
}

std::string term_of(std::string_view synopsis) {
  std::string term;
  for (const char letter : synopsis) {
    if (letter != ' ')
      term += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
  return term;
}

}  // namespace mptunnel::test
