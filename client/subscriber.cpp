#include "client/subscriber.hpp"

#include <atomic>

#include <grpcpp/grpcpp.h>

#include "melstream/v1/feature_service.grpc.pb.h"

namespace melstream::client {

struct Subscriber::Call {
  explicit Call(const Connection& connection) : stub(v1::FeatureService::NewStub(connection.channel())) {}

  grpc::ClientContext context;
  std::unique_ptr<v1::FeatureService::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>> stream;
  bool finished = false;
  std::atomic<bool> cancelled = false;  ///< written by cancel(), read by next() to tell our own end from a failure
};

Subscriber::Subscriber(const Connection& connection, const v1::SubscribeConfig& config)
    : call_(std::make_unique<Call>(connection)) {
  call_->stream = call_->stub->Subscribe(&call_->context);
  v1::SubscribeRequest request;
  *request.mutable_config() = config;
  call_->stream->Write(request);
  call_->stream->WritesDone();
}

Subscriber::~Subscriber() {
  if (call_->finished) return;
  call_->context.TryCancel();
  // gRPC wants every response taken before the status is asked for.
  v1::SubscribeResponse response;
  while (call_->stream->Read(&response)) {
  }
  call_->stream->Finish();
}

bool Subscriber::next(v1::SubscribeResponse& response) {
  if (call_->finished) return false;
  if (call_->stream->Read(&response)) return true;
  const grpc::Status status = call_->stream->Finish();
  call_->finished = true;
  if (!status.ok() && !call_->cancelled) throw CallError(status);
  return false;
}

void Subscriber::cancel() noexcept {
  call_->cancelled = true;
  call_->context.TryCancel();
}

}  // namespace melstream::client
