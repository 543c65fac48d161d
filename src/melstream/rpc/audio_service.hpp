// The gRPC service of publishers, by the callback API.
#pragma once

#include "melstream/rpc/audio_session.hpp"
#include "melstream/rpc/batch_session.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/publishers.hpp"
#include "melstream/v1/audio_service.grpc.pb.h"

namespace melstream::rpc {

class AudioService final : public v1::AudioService::CallbackService {
 public:
  AudioService(const Environment& environment, Publishers& publishers)
      : environment_(environment), publishers_(publishers) {}

  grpc::ServerBidiReactor<v1::StreamAudioRequest, v1::StreamAudioResponse>* StreamAudio(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::StreamAudioBatchRequest, v1::StreamAudioBatchResponse>* StreamAudioBatch(
      grpc::CallbackServerContext* context) override;

 private:
  const Environment& environment_;
  Publishers& publishers_;
};

}  // namespace melstream::rpc
