#include "client/load/told.hpp"

namespace melstream::client {
namespace {

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Goes through the fields of a message.
class Fields {
 public:
  explicit Fields(std::span<const std::uint8_t> bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// False at the end, or where the bytes make no sense.
  bool next() {
    if (at_ == end_) return false;
    const std::uint64_t tag = varint();
    field_ = static_cast<std::uint32_t>(tag >> 3);
    type_ = static_cast<WireType>(tag & 7);
    switch (type_) {
      case kVarint:
        value_ = varint();
        return good_;
      case kFixed64:
        return take(8);
      case kBytes:
        return take(varint());
      case kFixed32:
        return take(4);
    }
    return good_ = false;
  }
  std::uint32_t field() const noexcept { return field_; }
  WireType type() const noexcept { return type_; }
  std::uint64_t value() const noexcept { return value_; }
  std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }
  bool good() const noexcept { return good_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const std::uint8_t byte = *at_++;
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  bool take(std::uint64_t n) {
    if (!good_ || n > static_cast<std::uint64_t>(end_ - at_)) return good_ = false;
    bytes_ = {at_, static_cast<std::size_t>(n)};
    at_ += n;
    return true;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::uint32_t field_ = 0;
  WireType type_ = kVarint;
  std::uint64_t value_ = 0;
  std::span<const std::uint8_t> bytes_;
  bool good_ = true;
};

int number_at_end(std::span<const std::uint8_t> id) {
  int number = 0;
  for (const std::uint8_t letter : id) number = letter >= '0' && letter <= '9' ? number * 10 + (letter - '0') : 0;
  return number;
}

bool read_one(Told::Kind kind, std::span<const std::uint8_t> bytes, ToldVisitor& visitor) {
  Told told{.kind = kind};
  Fields fields(bytes);
  while (fields.next()) {
    if (fields.type() == kVarint && fields.field() < told.numbers.size()) {
      told.numbers[fields.field()] = static_cast<std::int64_t>(fields.value());
    } else if (fields.field() == 1 && fields.type() == kBytes) {
      told.stream = number_at_end(fields.bytes());
    }
  }
  if (fields.good()) visitor.on_told(told);
  return fields.good();
}

bool read_batch(std::span<const std::uint8_t> bytes, ToldVisitor& visitor) {
  Fields responses(bytes);
  while (responses.next()) {
    if (responses.field() != 1 || responses.type() != kBytes) continue;
    Fields kinds(responses.bytes());
    if (!kinds.next() || kinds.type() != kBytes) return false;
    if (!read_one(static_cast<Told::Kind>(kinds.field()), kinds.bytes(), visitor)) return false;
  }
  return responses.good();
}

}  // namespace

bool read_told(std::span<const std::uint8_t> bytes, ToldVisitor& visitor) {
  Fields kinds(bytes);
  if (!kinds.next() || kinds.type() != kBytes) return false;
  if (kinds.field() == Told::kBatch) return read_batch(kinds.bytes(), visitor);
  return read_one(static_cast<Told::Kind>(kinds.field()), kinds.bytes(), visitor);
}

}  // namespace melstream::client
