#include "bench/wire/bare_call.hpp"

#include <algorithm>

#include "melstream/v1/audio_service.pb.h"
#include "melstream/v1/feature_service.pb.h"

#include "bench/wire/bare_server.hpp"
#include "bench/wire/raw_call.hpp"

namespace melstream::bench {
namespace {

constexpr std::size_t kMostBatchBytes = 1 << 20;
constexpr int kHopSamples = 160;
constexpr int kDelaySamples = 200;  // whisper's

std::string to_string(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

int stream_of(const std::string& id) { return std::stoi(id.substr(id.rfind('-') + 1)); }

}  // namespace

BareCall::BareCall(BareServer& server, grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue)
    : server_(server),
      stream_(&context_),
      tags_{{{this, Step::kAccept}, {this, Step::kRead}, {this, Step::kWrite}, {this, Step::kFinish}}} {
  service.RequestCall(&context_, &stream_, &queue, &queue, tag(Step::kAccept));
}

void* BareCall::tag(Step step) noexcept {
  ++n_pending_;
  return &tags_[static_cast<std::size_t>(step)];
}

void BareCall::read() { stream_.Read(&request_, tag(Step::kRead)); }

void BareCall::complete(Step step, bool ok) {
  --n_pending_;
  switch (step) {
    case Step::kAccept: {
      if (!ok) return;
      const std::string& method = context_.method();
      kind_ = method.ends_with("/Subscribe")          ? Kind::kSubscribe
              : method.ends_with("/StreamAudioBatch") ? Kind::kBatch
                                                      : Kind::kStream;
      server_.wait_for_call();
      read();
      break;
    }
    case Step::kRead:
      if (!ok) {
        // Audio is over. Readers are cancelled by their client.
        if (kind_ != Kind::kSubscribe && !finished_) stream_.Finish(grpc::Status::OK, tag(Step::kFinish));
        finished_ = true;
        break;
      }
      if (configured_) {
        on_audio();
      } else {
        on_first(to_string(request_));
      }
      read();
      break;
    case Step::kWrite:
      writing_ = false;
      finished_ = finished_ || !ok;
      pump();
      break;
    case Step::kFinish:
      break;
  }
}

void BareCall::on_first(const std::string& request) {
  configured_ = true;
  if (kind_ == Kind::kStream) return open_stream(request);
  if (kind_ == Kind::kBatch) return open_batch(request);
  subscribe(request);
}

void BareCall::open_stream(const std::string& request) {
  v1::StreamAudioRequest config;
  config.ParseFromString(request);
  first_stream_ = stream_of(config.config().stream());
  v1::StreamAudioResponse response;
  response.mutable_started()->add_streams()->set_stream(config.config().stream());
  write(to_buffer(response));
}

void BareCall::open_batch(const std::string& request) {
  v1::StreamAudioBatchRequest config;
  config.ParseFromString(request);
  v1::StreamAudioBatchResponse response;
  for (const v1::BatchOpen& open : config.opens()) {
    v1::BatchUpdate& update = *response.add_updates();
    update.set_number(open.number());
    update.mutable_started();
  }
  write(to_buffer(response));
}

void BareCall::subscribe(const std::string& request) {
  v1::SubscribeRequest config;
  config.ParseFromString(request);
  many_ = config.config().has_streams();
  first_stream_ = many_ ? 0 : stream_of(config.config().stream());
  const int n_streams = many_ ? server_.audio_.n_streams : 1;
  v1::SubscribeResponse many_starts;
  for (int i = 0; i < n_streams; ++i) {
    const int stream = first_stream_ + i;
    const std::int64_t first_frame = server_.n_frames(stream);
    heads_.push_back({.stream = stream_id(stream),
                      .first_frame = first_frame,
                      .n_frames = config.config().block_frames(),
                      .n_bins = 80});
    v1::SubscribeResponse one;
    v1::SubscribeResponse& response = many_ ? *many_starts.mutable_batch()->add_responses() : one;
    v1::SubscriptionStart& start = *response.mutable_start();
    start.set_stream(stream_id(stream));
    start.set_first_frame(first_frame);
    start.set_hop_samples(kHopSamples);
    start.set_algorithmic_delay_samples(kDelaySamples);
    if (!many_) starts_.push_back(one.SerializeAsString());
  }
  if (many_) {
    starts_.push_back(many_starts.SerializeAsString());
  } else {
    server_.by_stream_[static_cast<std::size_t>(first_stream_)].push_back(this);
  }
  server_.readers_.push_back(this);
  pump();
}

void BareCall::on_audio() {
  if (kind_ == Kind::kStream) return server_.advance(first_stream_, 1);
  if (kind_ != Kind::kBatch) return;
  // As the publisher cuts them (bench/wire/publisher.cpp).
  const int n_parts = server_.audio_.n_messages();
  const auto part = static_cast<int>(n_messages_++ % n_parts);
  const int n_streams = server_.audio_.n_streams;
  const int first = n_streams * part / n_parts;
  server_.advance(first, n_streams * (part + 1) / n_parts - first);
}

void BareCall::write(const grpc::ByteBuffer& message) {
  writing_ = true;
  stream_.Write(message, tag(Step::kWrite));
}

void BareCall::pump() {
  if (kind_ != Kind::kSubscribe || writing_ || finished_) return;
  if (!starts_.empty()) {
    write(to_buffer(starts_.front()));
    starts_.pop_front();
  } else if (many_) {
    pump_many();
  } else {
    pump_one();
  }
}

bool BareCall::next_block(std::size_t track) {
  const BlockHead& head = heads_[track];
  return head.first_frame + head.n_frames <= server_.n_frames(first_stream_ + static_cast<int>(track));
}

void BareCall::pump_one() {
  if (!next_block(0)) return;
  BlockHead& head = heads_.front();
  grpc_slice bytes = grpc_slice_malloc(block_bytes(head));
  std::uint8_t* const begin = GRPC_SLICE_START_PTR(bytes);
  GRPC_SLICE_SET_LENGTH(bytes, static_cast<std::size_t>(write_block(head, begin) - begin));
  head.first_frame += head.n_frames;
  const grpc::Slice slice(bytes, grpc::Slice::STEAL_REF);
  write(grpc::ByteBuffer(&slice, 1));
}

void BareCall::pump_many() {
  std::vector<std::size_t> due;
  std::size_t n_bytes = 0;
  for (std::size_t i = 0; i < heads_.size() && n_bytes < kMostBatchBytes - block_bytes(heads_.front()); ++i) {
    const std::size_t track = (turn_ + i) % heads_.size();
    if (!next_block(track)) continue;
    due.push_back(track);
    n_bytes += block_bytes(heads_[track]);
  }
  if (due.empty()) return;
  turn_ = (due.back() + 1) % heads_.size();
  grpc_slice bytes = grpc_slice_malloc(n_bytes);
  std::uint8_t* const begin = GRPC_SLICE_START_PTR(bytes);
  std::uint8_t* end = begin;
  for (const std::size_t track : due) {
    end = write_block_of_batch(heads_[track], end);
    heads_[track].first_frame += heads_[track].n_frames;
  }
  GRPC_SLICE_SET_LENGTH(bytes, static_cast<std::size_t>(end - begin));
  grpc_slice head = grpc_slice_malloc(kBatchHeadBytes);
  std::uint8_t* const head_begin = GRPC_SLICE_START_PTR(head);
  std::uint8_t* const head_end = write_batch_head(static_cast<std::size_t>(end - begin), head_begin);
  GRPC_SLICE_SET_LENGTH(head, static_cast<std::size_t>(head_end - head_begin));
  const std::array<grpc::Slice, 2> slices{grpc::Slice(head, grpc::Slice::STEAL_REF),
                                          grpc::Slice(bytes, grpc::Slice::STEAL_REF)};
  write(grpc::ByteBuffer(slices.data(), slices.size()));
}

}  // namespace melstream::bench
