#include "vector_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "hex.h"

namespace mptunnel::test {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

void add_line(VectorRecord& record, std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    record.set(line, {});
  } else {
    record.set(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
  }
}

}  // namespace

std::string VectorRecord::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  ADD_FAILURE() << "no '" << name << "' in " << describe();
  return {};
}

std::string VectorRecord::hex(std::string_view name) const {
  const std::string value = text(name);
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return value;
  return to_hex(bytes_of(std::string_view(value).substr(1, value.size() - 2)));
}

std::string VectorRecord::describe() const {
  std::string line;
  for (const auto& [name, value] : values_) line.append(name).append(" = ").append(value).append("; ");
  return line;
}

void VectorRecord::set(std::string_view name, std::string_view value) {
  values_.insert_or_assign(std::string(name), std::string(value));
}

std::vector<VectorRecord> parse_vectors(std::string_view text) {
  std::vector<VectorRecord> records;
  VectorRecord headings;
  VectorRecord record;
  bool is_empty = true;
  const auto finish = [&] {
    if (!is_empty) records.push_back(record);
    record = headings;
    is_empty = true;
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    if (line.empty()) {
      finish();
    } else if (line.front() == '[' && line.back() == ']') {
      finish();
      add_line(headings, line.substr(1, line.size() - 2));
      record = headings;
    } else if (line.front() != '#') {
      add_line(record, line);
      is_empty = false;
    }
  }
  finish();
  return records;
}

std::vector<VectorRecord> read_vectors(const std::filesystem::path& path) {
  const std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return parse_vectors(text.str());
}

}  // namespace mptunnel::test
