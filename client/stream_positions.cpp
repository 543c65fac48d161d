#include "client/stream_positions.hpp"

#include <algorithm>

namespace melstream::client {
namespace {

constexpr std::int64_t kNsPerSample = 1'000'000'000 / 16'000;

}  // namespace

const std::string& stream_of(const v1::SubscribeResponse& response) {
  static const std::string none;
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      return response.start().stream();
    case v1::SubscribeResponse::kBlock:
      return response.block().stream();
    case v1::SubscribeResponse::kGap:
      return response.gap().stream();
    case v1::SubscribeResponse::kDiscontinuity:
      return response.discontinuity().stream();
    case v1::SubscribeResponse::kEnd:
      return response.end().stream();
    case v1::SubscribeResponse::kFailure:
      return response.failure().stream();
    default:
      return none;
  }
}

bool is_epoch_changed(const v1::SubscribeFailure& failure) { return failure.message().rfind("EPOCH_CHANGED", 0) == 0; }

void StreamPositions::restore(const ResumeTokens& tokens) {
  for (const auto& [stream, token] : tokens) keep_token(stream, token);
}

StreamPositions::Position* StreamPositions::find(const std::string& stream, std::uint64_t epoch) {
  const auto found = positions_.find(stream);
  // What does not belong to the life that was started is for the check of the totals, not for us.
  return found != positions_.end() && found->second.started && found->second.epoch == epoch ? &found->second : nullptr;
}

bool StreamPositions::admit(v1::SubscribeResponse& response) {
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      return admit_start(*response.mutable_start());
    case v1::SubscribeResponse::kBlock:
      return admit_block(*response.mutable_block());
    case v1::SubscribeResponse::kGap:
      return admit_gap(*response.mutable_gap());
    case v1::SubscribeResponse::kDiscontinuity: {
      const auto& hole = response.discontinuity();
      const Position* position = find(hole.stream(), hole.epoch());
      return position == nullptr || hole.next_frame() >= position->seen_frames;
    }
    default:
      return true;
  }
}

bool StreamPositions::admit_start(v1::SubscriptionStart& start) {
  Position& position = positions_[start.stream()];
  position.bins = start.bins();
  position.hop_samples = start.hop_samples();
  if (position.started && position.epoch == start.epoch()) {
    // Only what the resumed subscription repeats is taken off: frames that come twice in one are a fault to be seen.
    position.seen_frames = position.next_frame;
    const std::int64_t n_known = std::max<std::int64_t>(0, position.next_frame - start.first_frame());
    start.set_first_frame(start.first_frame() + n_known);
    start.set_first_sample(start.first_sample() + n_known * start.hop_samples());
    return true;
  }
  position.started = true;
  position.epoch = start.epoch();
  position.next_frame = start.first_frame();
  position.seen_frames = start.first_frame();
  return true;
}

bool StreamPositions::admit_block(v1::FeatureBlock& block) {
  Position* position = find(block.stream(), block.epoch());
  if (position == nullptr) return true;
  const std::int64_t n_known =
      std::clamp<std::int64_t>(position->seen_frames - block.first_frame(), 0, block.frame_count());
  n_duplicates_ += n_known;
  if (n_known > 0) {
    if (n_known == block.frame_count()) return false;
    const std::size_t frame_bytes = block.values().size() / static_cast<std::size_t>(block.frame_count());
    block.mutable_values()->erase(0, frame_bytes * static_cast<std::size_t>(n_known));
    block.set_first_frame(block.first_frame() + n_known);
    block.set_frame_count(block.frame_count() - static_cast<std::int32_t>(n_known));
    const std::int64_t n_samples = n_known * position->hop_samples;
    block.set_first_sample(block.first_sample() + n_samples);
    block.set_capture_time_ns(block.capture_time_ns() + n_samples * kNsPerSample);
    block.set_flags(block.flags() & ~static_cast<std::uint32_t>(v1::BLOCK_FLAG_SEGMENT_START));
  }
  position->next_frame = block.first_frame() + block.frame_count();
  return true;
}

bool StreamPositions::admit_gap(v1::Gap& gap) {
  Position* position = find(gap.stream(), gap.epoch());
  if (position == nullptr) return true;
  const std::int64_t n_known =
      std::clamp<std::int64_t>(position->seen_frames - gap.first_frame(), 0, gap.frame_count());
  if (n_known > 0 && n_known == gap.frame_count()) return false;
  gap.set_first_frame(gap.first_frame() + n_known);
  gap.set_frame_count(gap.frame_count() - n_known);
  position->next_frame = gap.first_frame() + gap.frame_count();
  return true;
}

void StreamPositions::keep_token(const v1::SubscribeResponse& response) {
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      return keep_token(response.start().stream(), response.start().resume_token());
    case v1::SubscribeResponse::kBlock:
      return keep_token(response.block().stream(), response.block().resume_token());
    case v1::SubscribeResponse::kGap:
      return keep_token(response.gap().stream(), response.gap().resume_token());
    case v1::SubscribeResponse::kDiscontinuity:
      return keep_token(response.discontinuity().stream(), response.discontinuity().resume_token());
    case v1::SubscribeResponse::kEnd:
      // A daemon that goes down ends its streams: who reconnects asks the next one, which will know nothing of them.
      if (many_ && response.end().reason() != v1::END_REASON_SHUTDOWN) forget(response.end().stream());
      return;
    case v1::SubscribeResponse::kFailure:
      if (response.failure().resume_token().empty()) {
        forget(response.failure().stream());
      } else {
        keep_token(response.failure().stream(), response.failure().resume_token());
      }
      return;
    default:
      return;
  }
}

int StreamPositions::bins(const std::string& stream) const {
  const auto found = positions_.find(stream);
  return found == positions_.end() ? 0 : found->second.bins;
}

ResumeTokens StreamPositions::tokens() const {
  ResumeTokens tokens;
  for (const auto& [stream, position] : positions_) {
    if (!position.token.empty()) tokens.emplace(stream, position.token);
  }
  return tokens;
}

}  // namespace melstream::client
