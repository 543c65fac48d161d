#include "bench/wire/block_writer.hpp"

#include <array>
#include <cstring>
#include <vector>

namespace melstream::bench {
namespace {

// Tags of feature_service.proto: number << 3 | wire type.
constexpr std::uint8_t kResponseBlock = 0x12;
constexpr std::uint8_t kResponseBatch = 0x3a;
constexpr std::uint8_t kBatchResponse = 0x0a;
constexpr std::uint8_t kStream = 0x0a;
constexpr std::uint8_t kEpoch = 0x11;
constexpr std::uint8_t kFirstFrame = 0x18;
constexpr std::uint8_t kFrameCount = 0x20;
constexpr std::uint8_t kFirstSample = 0x28;
constexpr std::uint8_t kCaptureTime = 0x30;
constexpr std::uint8_t kReceivedTime = 0x38;
constexpr std::uint8_t kValues = 0x42;
/// block_max, running_max, rms_dbfs, peak_dbfs
constexpr std::array<std::uint8_t, 4> kFloats{0x4d, 0x55, 0x5d, 0x65};
constexpr std::uint8_t kResumeToken = 0x7a;
constexpr std::size_t kTokenBytes = 33;
constexpr std::int64_t kSomeTimeNs = 1'764'000'000'000'000'000;
constexpr int kHopSamples = 160;
constexpr std::size_t kHeadBytes = 192;

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t n = 1;
  for (; value > 0x7F; value >>= 7) ++n;
  return n;
}

std::uint8_t* put(std::uint8_t* at, std::uint64_t value) {
  for (; value > 0x7F; value >>= 7) *at++ = static_cast<std::uint8_t>(value | 0x80);
  *at++ = static_cast<std::uint8_t>(value);
  return at;
}

std::uint8_t* put(std::uint8_t* at, std::uint8_t tag, std::int64_t value) {
  *at++ = tag;
  return put(at, static_cast<std::uint64_t>(value));
}

std::uint8_t* put(std::uint8_t* at, std::uint8_t tag, const void* bytes, std::size_t n) {
  at = put(at, tag, static_cast<std::int64_t>(n));
  std::memcpy(at, bytes, n);
  return at + n;
}

std::size_t value_bytes(const BlockHead& head) {
  return static_cast<std::size_t>(head.n_frames) * static_cast<std::size_t>(head.n_bins) * sizeof(float);
}

std::uint8_t* put_fields(const BlockHead& head, std::uint8_t* at) {
  static const std::vector<float> values(1000 * 128, -0.5F);
  static const std::array<char, kTokenBytes> token{};
  at = put(at, kStream, head.stream.data(), head.stream.size());
  *at++ = kEpoch;
  at = static_cast<std::uint8_t*>(std::memset(at, 0x5a, 8)) + 8;
  at = put(at, kFirstFrame, head.first_frame);
  at = put(at, kFrameCount, head.n_frames);
  at = put(at, kFirstSample, head.first_frame * kHopSamples);
  at = put(at, kCaptureTime, kSomeTimeNs);
  at = put(at, kReceivedTime, kSomeTimeNs);
  at = put(at, kValues, values.data(), value_bytes(head));
  for (const std::uint8_t tag : kFloats) {
    *at++ = tag;
    std::memcpy(at, values.data(), sizeof(float));
    at += sizeof(float);
  }
  return put(at, kResumeToken, token.data(), token.size());
}

std::size_t field_bytes(const BlockHead& head) {
  const std::size_t n_values = value_bytes(head);
  return 2 + head.stream.size() + 9 + 1 + varint_bytes(static_cast<std::uint64_t>(head.first_frame)) + 1 +
         varint_bytes(static_cast<std::uint64_t>(head.n_frames)) + 1 +
         varint_bytes(static_cast<std::uint64_t>(head.first_frame * kHopSamples)) +
         2 * (1 + varint_bytes(kSomeTimeNs)) + 1 + varint_bytes(n_values) + n_values + kFloats.size() * 5 + 2 +
         kTokenBytes;
}

}  // namespace

std::size_t block_bytes(const BlockHead& head) { return kHeadBytes + value_bytes(head); }

std::uint8_t* write_block(const BlockHead& head, std::uint8_t* at) {
  return put_fields(head, put(at, kResponseBlock, static_cast<std::int64_t>(field_bytes(head))));
}

std::uint8_t* write_block_of_batch(const BlockHead& head, std::uint8_t* at) {
  const std::size_t n = field_bytes(head);
  return write_block(head, put(at, kBatchResponse, static_cast<std::int64_t>(1 + varint_bytes(n) + n)));
}

std::uint8_t* write_batch_head(std::size_t n_bytes, std::uint8_t* at) {
  return put(at, kResponseBatch, static_cast<std::int64_t>(n_bytes));
}

}  // namespace melstream::bench
