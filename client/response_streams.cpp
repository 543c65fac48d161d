#include "client/response_streams.hpp"

#include <atomic>
#include <chrono>

#include <grpcpp/grpcpp.h>

#include "melstream/v1/feature_service.grpc.pb.h"

namespace melstream::client {
namespace {

using Stub = v1::FeatureService::Stub;

auto start(Stub& stub, grpc::ClientContext& context, const v1::GetWindowsRequest& request) {
  return stub.GetWindows(&context, request);
}

auto start(Stub& stub, grpc::ClientContext& context, const v1::WatchStreamsRequest& request) {
  return stub.WatchStreams(&context, request);
}

}  // namespace

template <typename Request, typename Response>
struct ResponseStream<Request, Response>::Call {
  grpc::ClientContext context;
  std::unique_ptr<Stub> stub;
  std::unique_ptr<grpc::ClientReader<Response>> reader;
  bool finished = false;
  std::atomic<bool> cancelled = false;  ///< written by cancel(), read by next() to tell our own end from a failure
};

template <typename Request, typename Response>
ResponseStream<Request, Response>::ResponseStream(const Connection& connection, const Request& request,
                                                  double timeout_seconds)
    : call_(std::make_unique<Call>()) {
  if (timeout_seconds > 0) {
    call_->context.set_deadline(std::chrono::system_clock::now() +
                                std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                    std::chrono::duration<double>(timeout_seconds)));
  }
  call_->stub = v1::FeatureService::NewStub(connection.channel());
  call_->reader = start(*call_->stub, call_->context, request);
}

template <typename Request, typename Response>
ResponseStream<Request, Response>::~ResponseStream() {
  if (call_->finished) return;
  call_->context.TryCancel();
  // gRPC wants every response taken before the status is asked for.
  Response response;
  while (call_->reader->Read(&response)) {
  }
  call_->reader->Finish();
}

template <typename Request, typename Response>
bool ResponseStream<Request, Response>::next(Response& response) {
  if (call_->finished) return false;
  if (call_->reader->Read(&response)) return true;
  const grpc::Status status = call_->reader->Finish();
  call_->finished = true;
  if (!status.ok() && !call_->cancelled) throw CallError(status);
  return false;
}

template <typename Request, typename Response>
void ResponseStream<Request, Response>::cancel() noexcept {
  call_->cancelled = true;
  call_->context.TryCancel();
}

template class ResponseStream<v1::GetWindowsRequest, v1::GetWindowsResponse>;
template class ResponseStream<v1::WatchStreamsRequest, v1::WatchStreamsResponse>;

}  // namespace melstream::client
