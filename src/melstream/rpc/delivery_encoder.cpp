#include "melstream/rpc/delivery_encoder.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {

DeliveryEncoder::DeliveryEncoder(FeatureChoice choice, std::string stream)
    : choice_(std::move(choice)), stream_(std::move(stream)), blocks_(choice_) {}

void DeliveryEncoder::encode(const pipeline::Delivery& delivery, std::int64_t wall_minus_mono_ns,
                             v1::SubscribeResponse& out) {
  if (const auto* started = std::get_if<pipeline::Started>(&delivery)) {
    set_start(*started, *out.mutable_start());
  } else if (const auto* batch = std::get_if<const pipeline::RowBatch*>(&delivery)) {
    set_block(**batch, wall_minus_mono_ns, *out.mutable_block());
  } else if (const auto* hole = std::get_if<pipeline::Hole>(&delivery)) {
    set_hole(*hole, out);
  } else if (const auto* ended = std::get_if<pipeline::Ended>(&delivery)) {
    v1::End& end = *out.mutable_end();
    end.set_stream(stream_);
    end.set_epoch(epoch_);
    end.set_next_frame(ended->next_frame);
    end.set_reason(from_end_reason(ended->reason));
  }
}

void DeliveryEncoder::set_start(const pipeline::Started& started, v1::SubscriptionStart& out) {
  epoch_ = started.epoch;
  const engine::RowGeometry rows = choice_.front_end->rows(choice_.smoothing);
  out.set_stream(stream_);
  out.set_epoch(started.epoch);
  out.set_front_end(choice_.front_end->name());
  out.set_spec_sha256(choice_.front_end->sha256());
  out.set_first_frame(started.first_frame);
  out.set_first_sample(started.first_sample);
  out.set_bins(choice_.front_end->n_bins(choice_.smoothing));
  out.set_hop_samples(engine::row_stride(rows));
  out.set_algorithmic_delay_samples(engine::row_lookahead(rows));
  out.set_resampler_delay_ns(started.resampler_delay_ns);
}

void DeliveryEncoder::set_block(const pipeline::RowBatch& batch, std::int64_t wall_minus_mono_ns,
                                v1::FeatureBlock& out) {
  // The wall clock may step back between two segments; the reader's time does not.
  capture_wall_ns_ = std::max(capture_wall_ns_, batch.capture_wall_ns);
  out.set_stream(stream_);
  out.set_epoch(epoch_);
  out.set_first_frame(batch.first_frame);
  out.set_first_sample(batch.first_sample);
  out.set_capture_time_ns(capture_wall_ns_);
  out.set_received_time_ns(batch.infos.back().received_mono_ns + wall_minus_mono_ns);
  blocks_.encode(batch, out);
}

void DeliveryEncoder::set_hole(const pipeline::Hole& hole, v1::SubscribeResponse& out) const {
  if (hole.n_frames == 0) {
    v1::Discontinuity& discontinuity = *out.mutable_discontinuity();
    discontinuity.set_stream(stream_);
    discontinuity.set_epoch(epoch_);
    discontinuity.set_next_frame(hole.first_frame);
    discontinuity.set_reason(from_gap_reason(hole.reason));
    discontinuity.set_next_sample(hole.next_sample);
    discontinuity.set_lost_samples(hole.lost_samples);
    discontinuity.set_lost_source_samples(hole.lost_source_samples);
    return;
  }
  v1::Gap& gap = *out.mutable_gap();
  gap.set_stream(stream_);
  gap.set_epoch(epoch_);
  gap.set_first_frame(hole.first_frame);
  gap.set_frame_count(hole.n_frames);
  gap.set_reason(from_gap_reason(hole.reason));
  gap.set_next_sample(hole.next_sample);
  gap.set_lost_samples(hole.lost_samples);
  gap.set_lost_source_samples(hole.lost_source_samples);
}

}  // namespace melstream::rpc
