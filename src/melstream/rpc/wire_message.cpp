#include "melstream/rpc/wire_message.hpp"

#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace melstream::rpc {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t bytes_tag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

constexpr std::uint32_t kBatchTag = bytes_tag(v1::SubscribeResponse::kBatchFieldNumber);
constexpr std::uint32_t kResponseTag = bytes_tag(v1::SubscribeBatch::kResponsesFieldNumber);
constexpr std::uint32_t kBlockTag = bytes_tag(v1::SubscribeResponse::kBlockFieldNumber);
constexpr std::uint32_t kTokenTag = bytes_tag(v1::FeatureBlock::kResumeTokenFieldNumber);
constexpr std::uint32_t kRunningMaxTag =
    WireFormatLite::MakeTag(v1::FeatureBlock::kRunningMaxFieldNumber, WireFormatLite::WIRETYPE_FIXED32);

std::size_t varint_size(std::size_t value) {
  return CodedOutputStream::VarintSize32(static_cast<std::uint32_t>(value));
}

}  // namespace

void WireMessage::put_varint(std::uint32_t value) {
  std::array<std::uint8_t, 5> bytes{};
  const std::uint8_t* const end = CodedOutputStream::WriteVarint32ToArray(value, bytes.data());
  small_.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(end - bytes.data()));
}

void WireMessage::end_small() {
  if (small_.empty()) return;
  slices_.emplace_back(small_);
  small_.clear();
}

void WireMessage::begin(std::size_t n_response_bytes) {
  assert(form_ == Form::kBatch || empty());
  n_bytes_ += n_response_bytes;
  if (form_ == Form::kOne) return;
  n_bytes_ += varint_size(kResponseTag) + varint_size(n_response_bytes);
  put_varint(kResponseTag);
  put_varint(static_cast<std::uint32_t>(n_response_bytes));
}

void WireMessage::add(const v1::SubscribeResponse& response) {
  begin(response.ByteSizeLong());
  response.AppendToString(&small_);
}

void WireMessage::add_block(const grpc::Slice& block, float running_max, std::string_view resume_token) {
  const std::size_t n_own = varint_size(kRunningMaxTag) + sizeof(float) + varint_size(kTokenTag) +
                            varint_size(resume_token.size()) + resume_token.size();
  const std::size_t n_block = block.size() + n_own;
  begin(varint_size(kBlockTag) + varint_size(n_block) + n_block);
  put_varint(kBlockTag);
  put_varint(static_cast<std::uint32_t>(n_block));
  end_small();
  slices_.push_back(block);
  put_varint(kRunningMaxTag);
  std::array<char, sizeof(float)> max{};
  std::memcpy(max.data(), &running_max, sizeof(float));  // little-endian, as protobuf has it
  small_.append(max.data(), max.size());
  put_varint(kTokenTag);
  put_varint(static_cast<std::uint32_t>(resume_token.size()));
  small_.append(resume_token);
}

grpc::ByteBuffer WireMessage::take() {
  end_small();
  if (form_ == Form::kBatch) {
    put_varint(kBatchTag);
    put_varint(static_cast<std::uint32_t>(n_bytes_));
    slices_.emplace(slices_.begin(), small_);
    small_.clear();
  }
  grpc::ByteBuffer message(slices_.data(), slices_.size());
  slices_.clear();
  n_bytes_ = 0;
  return message;
}

}  // namespace melstream::rpc
