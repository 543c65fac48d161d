#include "client/subscription_totals.hpp"

#include <cstring>

#include "client/exit_codes.hpp"
#include "client/half_float.hpp"
#include "client/number_text.hpp"

namespace melstream::client {

void SubscriptionTotals::note(const v1::SubscribeResponse& response, std::int64_t now_ns) {
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      started_ = true;
      start_ns_ = now_ns;
      next_frame_ = response.start().first_frame();
      break;
    case v1::SubscribeResponse::kBlock: {
      const auto& block = response.block();
      advance(block.first_frame(), block.frame_count(), "a block");
      frames_ += block.frame_count();
      concealed_frames_ += static_cast<double>(block.concealed_share()) * block.frame_count();
      if ((block.flags() & v1::BLOCK_FLAG_SUPPRESSED_SILENCE) != 0) suppressed_frames_ += block.frame_count();
      if (block.received_time_ns() >= start_ns_) latency_.add(now_ns - block.received_time_ns());
      break;
    }
    case v1::SubscribeResponse::kGap:
      advance(response.gap().first_frame(), response.gap().frame_count(), "a gap");
      ++gaps_;
      gap_frames_ += response.gap().frame_count();
      break;
    case v1::SubscribeResponse::kDiscontinuity:
      advance(response.discontinuity().next_frame(), 0, "a discontinuity");
      ++discontinuities_;
      break;
    case v1::SubscribeResponse::kEnd:
      // A stream that was waited for and never came ends without a start.
      if (started_) advance(response.end().next_frame(), 0, "the end");
      ended_ = true;
      end_reason_ = response.end().reason();
      break;
    default:
      break;
  }
}

void SubscriptionTotals::advance(std::int64_t first_frame, std::int64_t n_frames, const char* what) {
  if (!started_) throw ClientError(ExitCode::kFailure, std::string("the daemon sent ") + what + " before the start");
  if (first_frame != next_frame_ || n_frames < 0) {
    throw ClientError(ExitCode::kFailure, std::string("the daemon sent ") + what + " at frame " +
                                              std::to_string(first_frame) + " where frame " +
                                              std::to_string(next_frame_) + " was due: please report this");
  }
  next_frame_ += n_frames;
}

double SubscriptionTotals::concealed_share() const noexcept {
  return frames_ > 0 ? concealed_frames_ / static_cast<double>(frames_) : 0;
}

std::string SubscriptionTotals::text() const {
  std::string text = std::to_string(frames_) + " frames, " + std::to_string(gaps_) + " gaps";
  if (gap_frames_ > 0) text += " (" + std::to_string(gap_frames_) + " frames)";
  if (discontinuities_ > 0) text += ", " + std::to_string(discontinuities_) + " discontinuities";
  if (concealed_frames_ > 0) text += ", " + fixed_number(100 * concealed_share(), 2) + " % concealed";
  if (suppressed_frames_ > 0) {
    text += ", " + std::to_string(suppressed_frames_) + " frames beside suppressed silence";
  }
  if (latency_.count() > 0) {
    text += ", added latency p50 " + fixed_number(latency_.quantile_ms(0.5), 1) + " ms p99 " +
            fixed_number(latency_.quantile_ms(0.99), 1) + " ms";
  }
  return text;
}

void decode_values(const std::string& bytes, v1::ElementType type, std::int64_t n_frames, int bins,
                   std::vector<float>& values) {
  const bool half = type == v1::ELEMENT_TYPE_FLOAT16;
  const auto n_values = static_cast<std::size_t>(n_frames) * static_cast<std::size_t>(bins);
  if (bytes.size() != n_values * (half ? 2 : 4)) {
    throw ClientError(ExitCode::kFailure, "the daemon sent " + std::to_string(bytes.size()) + " bytes for " +
                                              std::to_string(n_frames) + " frames of " + std::to_string(bins) +
                                              " bins: please report this");
  }
  values.resize(n_values);
  if (n_values == 0) return;
  if (!half) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return;
  }
  for (std::size_t i = 0; i < n_values; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + 2 * i, sizeof bits);
    values[i] = half_to_float(bits);
  }
}

}  // namespace melstream::client
