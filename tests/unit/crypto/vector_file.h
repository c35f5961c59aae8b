// Reads files of published test vectors as NIST's CAVP, OpenSSL and python-cryptography write them: lines of
// `name = value` in records that blank lines separate, `[name = value]` for all records below, and '#' before
// remarks.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mptunnel::test {

/// Values by name, as they stand in the file. A line without '=' is a name without a value.
class VectorRecord {
 public:
  [[nodiscard]] bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  /// Fails the test, and gives "", if there is no such name.
  [[nodiscard]] std::string text(std::string_view name) const;
  /// The value as hexadecimal digits; characters in quotation marks are written as theirs.
  [[nodiscard]] std::string hex(std::string_view name) const;
  /// All names and values in one line, for messages of a test.
  [[nodiscard]] std::string describe() const;

  void set(std::string_view name, std::string_view value);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// The records of a text. Those of a file's head, which have nothing but remarks and headings, are left out.
std::vector<VectorRecord> parse_vectors(std::string_view text);

/// The records of a file. Fails the test, and gives none, if it cannot be read.
std::vector<VectorRecord> read_vectors(const std::filesystem::path& path);

}  // namespace mptunnel::test
