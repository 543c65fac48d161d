#include "client/subscription_totals.hpp"

#include <cstring>

#include "client/exit_codes.hpp"
#include "client/half_float.hpp"
#include "client/number_text.hpp"
#include "client/stream_positions.hpp"

namespace melstream::client {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw ClientError(ExitCode::kFailure, "the daemon sent " + what + ": please report this");
}

/// Of a message's stream, for errors; empty where it has no name.
std::string of_stream(const std::string& stream) { return stream.empty() ? std::string() : " of stream " + stream; }

}  // namespace

void SubscriptionTotals::note(const v1::SubscribeResponse& response, std::int64_t now_ns) {
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      note_start(response.start(), now_ns);
      break;
    case v1::SubscribeResponse::kBlock:
      note_block(response.block(), now_ns);
      break;
    case v1::SubscribeResponse::kGap:
      advance(response.gap(), response.gap().first_frame(), response.gap().frame_count(), "a gap");
      ++gaps_;
      gap_frames_ += response.gap().frame_count();
      break;
    case v1::SubscribeResponse::kDiscontinuity:
      advance(response.discontinuity(), response.discontinuity().next_frame(), 0, "a discontinuity");
      ++discontinuities_;
      break;
    case v1::SubscribeResponse::kEnd:
      note_end(response.end());
      break;
    case v1::SubscribeResponse::kFailure:
      if (is_epoch_changed(response.failure())) {
        note_epoch_change();
      } else {
        ++failures_;
      }
      // One with a token may go on from there.
      if (response.failure().resume_token().empty()) places_.erase(response.failure().stream());
      break;
    default:
      break;
  }
}

void SubscriptionTotals::note_start(const v1::SubscriptionStart& start, std::int64_t now_ns) {
  ended_ = false;
  const auto found = places_.find(start.stream());
  if (found != places_.end() && found->second.epoch == start.epoch()) {
    advance(start, start.first_frame(), 0, "a start");
    return;
  }
  ++started_streams_;
  places_[start.stream()] = {start.epoch(), start.first_frame(), now_ns};
}

void SubscriptionTotals::note_block(const v1::FeatureBlock& block, std::int64_t now_ns) {
  const Place& place = advance(block, block.first_frame(), block.frame_count(), "a block");
  frames_ += block.frame_count();
  concealed_frames_ += static_cast<double>(block.concealed_share()) * block.frame_count();
  if ((block.flags() & v1::BLOCK_FLAG_SUPPRESSED_SILENCE) != 0) suppressed_frames_ += block.frame_count();
  if (block.received_time_ns() >= place.start_ns) latency_.add(now_ns - block.received_time_ns());
}

void SubscriptionTotals::note_end(const v1::End& end) {
  // A stream that was waited for and never came ends without a start.
  if (places_.count(end.stream()) != 0) {
    advance(end, end.next_frame(), 0, "the end");
    ++ended_streams_;
    if (end.reason() != v1::END_REASON_COMPLETED) ++lost_streams_;
    places_.erase(end.stream());
  }
  ended_ = true;
  end_reason_ = end.reason();
}

template <typename Message>
SubscriptionTotals::Place& SubscriptionTotals::advance(const Message& message, std::int64_t first_frame,
                                                       std::int64_t n_frames, const char* what) {
  const auto found = places_.find(message.stream());
  if (found == places_.end()) refuse(what + of_stream(message.stream()) + " before the start");
  Place& place = found->second;
  if (message.epoch() != place.epoch) {
    refuse(what + of_stream(message.stream()) + " from epoch " + hex_epoch(message.epoch()) + ", but epoch " +
           hex_epoch(place.epoch) + " was started");
  }
  if (first_frame != place.next_frame || n_frames < 0) {
    refuse(what + of_stream(message.stream()) + " at frame " + std::to_string(first_frame) + " where frame " +
           std::to_string(place.next_frame) + " was due");
  }
  place.next_frame += n_frames;
  return place;
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
  if (failures_ > 0) text += ", " + std::to_string(failures_) + " streams failed";
  if (epoch_changes_ > 0) text += ", " + std::to_string(epoch_changes_) + " epochs changed";
  if (reconnects_ > 0 || duplicate_frames_ > 0) {
    text += ", " + std::to_string(reconnects_) + " reconnects, " + std::to_string(duplicate_frames_) +
            " duplicate frames dropped";
  }
  return text;
}

std::string SubscriptionTotals::text_of_many() const {
  std::string text = std::to_string(started_streams_) + " streams (" + std::to_string(ended_streams_) + " ended";
  if (lost_streams_ > 0) text += ", " + std::to_string(lost_streams_) + " of them early";
  return text + "), " + this->text();
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
