#include "melstream/rpc/stream_reader.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <variant>

#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

/// Of a block or another response, besides values: names, figures, a token.
constexpr std::size_t kMostFigureBytes = 1024;

}  // namespace

std::size_t most_response_bytes(const FeatureChoice& features, const pipeline::SubscriptionOptions& options) noexcept {
  const auto n_frames = static_cast<std::size_t>(options.block_frames);
  const auto n_bins = static_cast<std::size_t>(features.front_end->n_bins(features.smoothing));
  return n_frames * n_bins * sizeof(float) + kMostFigureBytes;
}

StreamReader::StreamReader(const ReaderParts& parts, const FeatureChoice& features,
                           std::unique_ptr<pipeline::Subscription> subscription, float running_max)
    : parts_(parts),
      features_(features),
      subscription_(std::move(subscription)),
      encoder_(features),
      running_max_(running_max) {}

StreamReader::Step StreamReader::next(std::int64_t now_mono_ns, WireMessage& out) {
  now_mono_ns_ = now_mono_ns;
  const pipeline::Delivery delivery = read(now_mono_ns);
  if (std::holds_alternative<pipeline::RowsTaken>(delivery)) {
    add_block(out);
  } else if (const auto* started = std::get_if<pipeline::Started>(&delivery)) {
    add_start(*started, out);
  } else if (const auto* hole = std::get_if<pipeline::Hole>(&delivery)) {
    add_hole(*hole, out);
  } else if (const auto* ended = std::get_if<pipeline::Ended>(&delivery)) {
    add_end(*ended, out);
    return Step::kEnded;
  } else {
    return Step::kNothing;
  }
  return Step::kTold;
}

void StreamReader::time(const pipeline::RowView& rows) const noexcept {
  constexpr std::int64_t kNsPerUs = 1'000;
  pipeline::LatencyHistograms::Histogram::Counts sent;
  pipeline::LatencyHistograms::Histogram::Counts total;
  for (const std::span<const pipeline::RowInfo> part : rows.infos) {
    for (const pipeline::RowInfo& info : part) {
      if (!info.timed || info.received_mono_ns < started_mono_ns_) continue;
      const std::int64_t since_ns = now_mono_ns_ - info.received_mono_ns;
      total.add(since_ns);
      sent.add(std::max<std::int64_t>(0, since_ns - info.computed_us * kNsPerUs));
    }
  }
  pipeline::LatencyHistograms& latency = parts_.environment.registry().counters().latency;
  latency.total.add(total);
  latency.send.add(sent);
}

void StreamReader::take(const pipeline::RowView& rows) {
  time(rows);
  if (const EncodedBlock* known = shared_->find(rows, encoder_.max_before(running_max_))) {
    block_ = *known;
    return;
  }
  const BlockSource source{
      .stream = subscription_->options().stream, .epoch = epoch_, .wall_minus_mono_ns = parts_.wall_minus_mono_ns};
  block_ = encoder_.encode(rows, source, running_max_);
  if (shared_.use_count() > 1) shared_->add(block_);
}

void StreamReader::seal(std::string& token) {
  parts_.tokens.seal({.stream = subscription_->options().stream,
                      .epoch = epoch_,
                      .cursor = subscription_->cursor(),
                      .running_max = running_max_},
                     features_, token);
}

pipeline::Delivery StreamReader::read(std::int64_t now_mono_ns) {
  try {
    return subscription_->next(now_mono_ns, *this);
  } catch (const pipeline::TooSlow& error) {
    seal(token_);
    throw ResumableError(error, token_);
  }
}

void StreamReader::add_block(WireMessage& out) {
  running_max_ = std::max(running_max_, block_.block_max);
  seal(token_);
  out.add_block(block_.bytes, running_max_, token_);
  block_ = {};
}

void StreamReader::add_start(const pipeline::Started& started, WireMessage& out) {
  epoch_ = started.epoch;
  started_mono_ns_ = now_mono_ns_;
  shared_ = parts_.sharing.join(*subscription_->history(), features_);
  const engine::RowGeometry rows = features_.front_end->rows(features_.smoothing);
  v1::SubscribeResponse response;
  v1::SubscriptionStart& start = *response.mutable_start();
  start.set_stream(subscription_->options().stream);
  start.set_epoch(started.epoch);
  start.set_front_end(features_.front_end->name());
  start.set_spec_sha256(features_.front_end->sha256());
  start.set_first_frame(started.first_frame);
  start.set_first_sample(started.first_sample);
  start.set_bins(features_.front_end->n_bins(features_.smoothing));
  start.set_hop_samples(engine::row_stride(rows));
  start.set_algorithmic_delay_samples(engine::row_lookahead(rows));
  start.set_resampler_delay_ns(started.resampler_delay_ns);
  set_engine_info(parts_.environment.parts.engine().info, parts_.environment.options.build, *start.mutable_engine());
  seal(*start.mutable_resume_token());
  out.add(response);
}

void StreamReader::add_hole(const pipeline::Hole& hole, WireMessage& out) {
  v1::SubscribeResponse response;
  if (hole.n_frames == 0) {
    v1::Discontinuity& discontinuity = *response.mutable_discontinuity();
    discontinuity.set_stream(subscription_->options().stream);
    discontinuity.set_epoch(epoch_);
    discontinuity.set_next_frame(hole.first_frame);
    discontinuity.set_reason(from_gap_reason(hole.reason));
    discontinuity.set_next_sample(hole.next_sample);
    discontinuity.set_lost_samples(hole.lost_samples);
    discontinuity.set_lost_source_samples(hole.lost_source_samples);
    seal(*discontinuity.mutable_resume_token());
    return out.add(response);
  }
  v1::Gap& gap = *response.mutable_gap();
  gap.set_stream(subscription_->options().stream);
  gap.set_epoch(epoch_);
  gap.set_first_frame(hole.first_frame);
  gap.set_frame_count(hole.n_frames);
  gap.set_reason(from_gap_reason(hole.reason));
  gap.set_next_sample(hole.next_sample);
  gap.set_lost_samples(hole.lost_samples);
  gap.set_lost_source_samples(hole.lost_source_samples);
  seal(*gap.mutable_resume_token());
  out.add(response);
}

void StreamReader::add_end(const pipeline::Ended& ended, WireMessage& out) {
  v1::SubscribeResponse response;
  v1::End& end = *response.mutable_end();
  end.set_stream(subscription_->options().stream);
  end.set_epoch(epoch_);
  end.set_next_frame(ended.next_frame);
  end.set_reason(from_end_reason(ended.reason));
  out.add(response);
}

}  // namespace melstream::rpc
