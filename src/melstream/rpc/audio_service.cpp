#include "melstream/rpc/audio_service.hpp"

namespace melstream::rpc {

grpc::ServerBidiReactor<v1::StreamAudioRequest, v1::StreamAudioResponse>* AudioService::StreamAudio(
    grpc::CallbackServerContext* context) {
  return AudioSession::start(environment_, publishers_, *context);
}

grpc::ServerBidiReactor<v1::StreamAudioBatchRequest, v1::StreamAudioBatchResponse>* AudioService::StreamAudioBatch(
    grpc::CallbackServerContext* context) {
  return BatchSession::start(environment_, publishers_, *context);
}

}  // namespace melstream::rpc
