// One call of StreamAudioBatch, as tests drive it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {

class BatchClient {
 public:
  using Request = v1::StreamAudioBatchRequest;
  using Kind = v1::BatchUpdate::UpdateCase;

  explicit BatchClient(v1::AudioService::Stub& stub) {
    set_deadline(context_);
    stream_ = stub.StreamAudioBatch(&context_);
  }

  // Parts of the next message.
  BatchClient& open(std::uint32_t number, const v1::AudioConfig& config) {
    v1::BatchOpen& one = *request_.add_opens();
    one.set_number(number);
    *one.mutable_config() = config;
    return *this;
  }
  BatchClient& chunk(std::uint32_t number, const std::string& content, std::int64_t capture_time_ns = 0) {
    v1::BatchChunk& one = *request_.add_chunks();
    one.set_number(number);
    one.set_content(content);
    one.set_capture_time_ns(capture_time_ns);
    return *this;
  }
  BatchClient& lose(std::uint32_t number, std::int64_t n_samples, v1::GapReason reason) {
    v1::BatchChunk& one = *request_.add_chunks();
    one.set_number(number);
    one.set_lost_samples(n_samples);
    one.set_lost_reason(reason);
    return *this;
  }
  BatchClient& close(std::uint32_t number) {
    request_.add_closes()->set_number(number);
    return *this;
  }
  bool send() {
    const Request request = std::move(request_);
    request_.Clear();
    return stream_->Write(request);
  }

  /// Reads until the stream is told this; false if the call ended before. All updates are kept.
  bool receive_until(std::uint32_t number, Kind kind) {
    while (!told(number, kind)) {
      v1::StreamAudioBatchResponse response;
      if (!stream_->Read(&response)) return false;
      take(response);
    }
    return true;
  }
  /// Reads until the stream's progress shows so many accepted samples.
  bool receive_progress(std::uint32_t number, std::int64_t n_samples) {
    const auto shown = [&] {
      const v1::BatchUpdate* const update = told(number, Kind::kProgress);
      return update != nullptr && update->progress().accepted_samples() >= n_samples;
    };
    while (!shown()) {
      v1::StreamAudioBatchResponse response;
      if (!stream_->Read(&response)) return false;
      take(response);
    }
    return true;
  }
  /// Reads to the end of the call.
  grpc::Status finish() {
    v1::StreamAudioBatchResponse response;
    while (stream_->Read(&response)) take(response);
    return stream_->Finish();
  }
  void half_close() { stream_->WritesDone(); }
  void cancel() { context_.TryCancel(); }

  /// The newest update of this kind, or null.
  const v1::BatchUpdate* told(std::uint32_t number, Kind kind) const {
    const v1::BatchUpdate* newest = nullptr;
    for (const v1::BatchUpdate& update : updates_) {
      if (update.number() == number && update.update_case() == kind) newest = &update;
    }
    return newest;
  }
  /// The kinds of a stream's updates in their order, without progress.
  std::vector<Kind> life_of(std::uint32_t number) const {
    std::vector<Kind> kinds;
    for (const v1::BatchUpdate& update : updates_) {
      if (update.number() == number && !update.has_progress()) kinds.push_back(update.update_case());
    }
    return kinds;
  }
  grpc::StatusCode failure_code(std::uint32_t number) const {
    const v1::BatchUpdate* const failed = told(number, Kind::kFailed);
    return failed == nullptr ? grpc::StatusCode::OK : static_cast<grpc::StatusCode>(failed->failed().code());
  }
  v1::StreamEnded ended(std::uint32_t number) const {
    const v1::BatchUpdate* const update = told(number, Kind::kEnded);
    EXPECT_NE(update, nullptr) << number;
    return update == nullptr ? v1::StreamEnded() : update->ended();
  }

 private:
  void take(const v1::StreamAudioBatchResponse& response) {
    updates_.insert(updates_.end(), response.updates().begin(), response.updates().end());
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamAudioBatchRequest, v1::StreamAudioBatchResponse>> stream_;
  Request request_;
  std::vector<v1::BatchUpdate> updates_;
};

}  // namespace melstream::test
