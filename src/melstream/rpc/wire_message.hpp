// One SubscribeResponse put together from serialized parts, so that a block's bytes are shared between readers and
// never copied. Thread: ms-subscribe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

class WireMessage {
 public:
  enum class Form : std::uint8_t {
    kOne,    ///< one response
    kBatch,  ///< a SubscribeBatch of any number
  };
  explicit WireMessage(Form form) noexcept : form_(form) {}

  void add(const v1::SubscribeResponse& response);
  /// @param block serialized FeatureBlock without the two fields that follow.
  void add_block(const grpc::Slice& block, float running_max, std::string_view resume_token);

  bool empty() const noexcept { return n_bytes_ == 0; }
  /// Of all that was added.
  std::size_t n_bytes() const noexcept { return n_bytes_; }
  /// The message; empty afterwards.
  grpc::ByteBuffer take();

 private:
  /// Begins a response of so many bytes in a batch.
  void begin(std::size_t n_response_bytes);
  void put_varint(std::uint32_t value);
  void end_small();

  const Form form_;
  std::size_t n_bytes_ = 0;
  std::string small_;  ///< what stands between blocks and is not yet a slice
  std::vector<grpc::Slice> slices_;
};

}  // namespace melstream::rpc
