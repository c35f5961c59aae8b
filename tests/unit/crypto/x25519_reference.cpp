#include "x25519_reference.h"

#include <openssl/bn.h>

#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel::test {
namespace {

/// An element of the field of integers modulo p.
class Element {
 public:
  explicit Element(BN_ULONG value = 0) : number_(BN_new()) { BN_set_word(number_, value); }
  Element(const Element& other) : number_(BN_dup(other.number_)) {}
  Element& operator=(const Element& other) {
    MPT_ASSERT(BN_copy(number_, other.number_) != nullptr);
    return *this;
  }
  ~Element() { BN_free(number_); }

  [[nodiscard]] BIGNUM* number() { return number_; }
  [[nodiscard]] const BIGNUM* number() const { return number_; }

 private:
  BIGNUM* number_;
};

Element prime() {
  Element p(1);
  MPT_ASSERT(BN_lshift(p.number(), p.number(), 255) == 1 && BN_sub_word(p.number(), 19) == 1);
  return p;
}

Coordinate bytes_of_number(const Element& element) {
  Coordinate bytes{};
  MPT_ASSERT(BN_bn2lebinpad(element.number(), bytes.data(), static_cast<int>(bytes.size())) ==
             static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

struct X25519Reference::Numbers {
  Element p = prime();
  BN_CTX* context = BN_CTX_new();

  Numbers() = default;
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  ~Numbers() { BN_CTX_free(context); }

  Element add(const Element& a, const Element& b) const {
    Element sum;
    MPT_ASSERT(BN_mod_add(sum.number(), a.number(), b.number(), p.number(), context) == 1);
    return sum;
  }
  Element subtract(const Element& a, const Element& b) const {
    Element difference;
    MPT_ASSERT(BN_mod_sub(difference.number(), a.number(), b.number(), p.number(), context) == 1);
    return difference;
  }
  Element multiply(const Element& a, const Element& b) const {
    Element product;
    MPT_ASSERT(BN_mod_mul(product.number(), a.number(), b.number(), p.number(), context) == 1);
    return product;
  }
  /// By Fermat's little theorem, so that the inverse of 0 is 0.
  Element invert(const Element& a) const {
    Element exponent = p;
    Element inverse;
    MPT_ASSERT(BN_sub_word(exponent.number(), 2) == 1);
    MPT_ASSERT(BN_mod_exp(inverse.number(), a.number(), exponent.number(), p.number(), context) == 1);
    return inverse;
  }
};

X25519Reference::X25519Reference() : numbers_(std::make_unique<Numbers>()) {}
X25519Reference::~X25519Reference() = default;

Coordinate X25519Reference::multiply(const Coordinate& scalar, const Coordinate& point) {
  const Numbers& field = *numbers_;
  Coordinate k = scalar;
  k.front() &= 248U;
  k.back() = static_cast<std::uint8_t>((k.back() & 127U) | 64U);
  Coordinate u = point;
  u.back() &= 127U;

  Element x1;
  MPT_ASSERT(BN_lebin2bn(u.data(), static_cast<int>(u.size()), x1.number()) != nullptr);
  x1 = field.add(x1, Element(0));  // coordinates from p on mean their remainder
  Element x2(1);
  Element z2(0);
  Element x3 = x1;
  Element z3(1);
  bool is_swapped = false;
  for (std::size_t t = 255; t-- > 0;) {
    const bool bit = (k.at(t / 8) >> t % 8 & 1U) != 0;
    if (bit != is_swapped) {
      std::swap(x2, x3);
      std::swap(z2, z3);
    }
    is_swapped = bit;
    const Element a = field.add(x2, z2);
    const Element b = field.subtract(x2, z2);
    const Element aa = field.multiply(a, a);
    const Element bb = field.multiply(b, b);
    const Element e = field.subtract(aa, bb);
    const Element da = field.multiply(field.subtract(x3, z3), a);
    const Element cb = field.multiply(field.add(x3, z3), b);
    const Element sum = field.add(da, cb);
    const Element difference = field.subtract(da, cb);
    x3 = field.multiply(sum, sum);
    z3 = field.multiply(x1, field.multiply(difference, difference));
    x2 = field.multiply(aa, bb);
    z2 = field.multiply(e, field.add(aa, field.multiply(Element(121665), e)));
  }
  if (is_swapped) {
    std::swap(x2, x3);
    std::swap(z2, z3);
  }
  return bytes_of_number(field.multiply(x2, field.invert(z2)));
}

Coordinate X25519Reference::prime_plus(int offset) {
  MPT_ASSERT(offset <= 18);
  Element sum = prime();
  const auto size = static_cast<BN_ULONG>(offset < 0 ? -offset : offset);
  MPT_ASSERT((offset < 0 ? BN_sub_word(sum.number(), size) : BN_add_word(sum.number(), size)) == 1);
  return bytes_of_number(sum);
}

}  // namespace mptunnel::test
