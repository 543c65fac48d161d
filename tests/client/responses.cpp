#include "tests/client/responses.hpp"

#include <utility>

namespace melstream::client {

v1::SubscribeResponse start_response(std::int64_t first_frame, const std::string& stream, std::uint64_t epoch) {
  v1::SubscribeResponse response;
  auto& start = *response.mutable_start();
  start.set_stream(stream);
  start.set_epoch(epoch);
  start.set_bins(2);
  start.set_hop_samples(160);
  start.set_first_frame(first_frame);
  start.set_first_sample(160 * first_frame);
  return response;
}

v1::SubscribeResponse block_response(std::int64_t first_frame, int n_frames) {
  v1::SubscribeResponse response;
  auto& block = *response.mutable_block();
  block.set_first_frame(first_frame);
  block.set_frame_count(n_frames);
  for (int i = 0; i < n_frames; ++i) {
    const auto value = static_cast<float>(first_frame + i);
    const float row[] = {value, -value};
    block.mutable_values()->append(reinterpret_cast<const char*>(row), sizeof row);
  }
  return response;
}

v1::SubscribeResponse gap_response(std::int64_t first_frame, std::int64_t n_frames) {
  v1::SubscribeResponse response;
  response.mutable_gap()->set_first_frame(first_frame);
  response.mutable_gap()->set_frame_count(n_frames);
  response.mutable_gap()->set_reason(v1::GAP_REASON_CAPTURE_OVERFLOW);
  return response;
}

v1::SubscribeResponse discontinuity_response(std::int64_t next_frame) {
  v1::SubscribeResponse response;
  response.mutable_discontinuity()->set_next_frame(next_frame);
  response.mutable_discontinuity()->set_reason(v1::GAP_REASON_NET_LOSS);
  return response;
}

v1::SubscribeResponse end_response(std::int64_t next_frame, v1::EndReason reason) {
  v1::SubscribeResponse response;
  response.mutable_end()->set_next_frame(next_frame);
  response.mutable_end()->set_reason(reason);
  return response;
}

v1::SubscribeResponse of(const std::string& stream, std::uint64_t epoch, v1::SubscribeResponse response,
                         const std::string& token) {
  const auto fill = [&](auto& message) {
    message.set_stream(stream);
    message.set_epoch(epoch);
    if constexpr (requires { message.set_resume_token(token); }) message.set_resume_token(token);
  };
  if (response.has_start()) fill(*response.mutable_start());
  if (response.has_block()) fill(*response.mutable_block());
  if (response.has_gap()) fill(*response.mutable_gap());
  if (response.has_discontinuity()) fill(*response.mutable_discontinuity());
  if (response.has_end()) fill(*response.mutable_end());
  return response;
}

v1::SubscribeResponse batch_response(std::vector<v1::SubscribeResponse> responses) {
  v1::SubscribeResponse response;
  for (auto& one : responses) *response.mutable_batch()->add_responses() = std::move(one);
  return response;
}

v1::SubscribeResponse failure_response(const std::string& stream, int code, const std::string& message,
                                       const std::string& token) {
  v1::SubscribeResponse response;
  auto& failure = *response.mutable_failure();
  failure.set_stream(stream);
  failure.set_code(code);
  failure.set_message(message);
  failure.set_resume_token(token);
  return response;
}

}  // namespace melstream::client
