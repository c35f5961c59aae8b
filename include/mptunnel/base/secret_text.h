// A text that is a secret, or may be one: wiped when it goes or gives way to another.
// What it is not: kept out of swap or hidden from this process.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace mptunnel {

class SecretText {
 public:
  SecretText() = default;
  /// Takes `text` over. A std::string that it was copied from is not wiped.
  SecretText(std::string text) {
    text_.swap(text);
    wipe(text);
  }
  SecretText(const char* text) : text_(text) {}
  SecretText(const SecretText&) = default;
  /// `other` is empty afterwards.
  SecretText(SecretText&& other) noexcept {
    text_.swap(other.text_);
    wipe(other.text_);
  }
  SecretText& operator=(const SecretText& other) {
    if (this != &other) *this = SecretText(other);
    return *this;
  }
  SecretText& operator=(SecretText&& other) noexcept {
    text_.swap(other.text_);
    wipe(other.text_);
    return *this;
  }
  ~SecretText() { wipe(text_); }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend bool operator==(const SecretText& secret, std::string_view text) { return secret.text_ == text; }

 private:
  /// With all of its room: what was longer once may still stand there.
  static void wipe(std::string& text) {
    text.resize(text.capacity());
    explicit_bzero(text.data(), text.size());
    text.clear();
  }

  std::string text_;
};

}  // namespace mptunnel
