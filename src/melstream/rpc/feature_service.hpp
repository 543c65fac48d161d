// The gRPC service of readers. Subscribe is served by the completion queue of SubscribeQueue (half of the callback
// API's cost on paced output), everything else here, on gRPC's callback threads.
#pragma once

#include <functional>

#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/queue_budget.hpp"
#include "melstream/rpc/watch_calls.hpp"
#include "melstream/rpc/window_calls.hpp"
#include "melstream/v1/feature_service.grpc.pb.h"

namespace melstream::rpc {

using FeatureServiceBase = v1::FeatureService::WithRawMethod_Subscribe<
    v1::FeatureService::WithCallbackMethod_GetWindow<v1::FeatureService::WithCallbackMethod_ListStreams<
        v1::FeatureService::WithCallbackMethod_WatchStreams<v1::FeatureService::WithCallbackMethod_ListFrontEnds<
            v1::FeatureService::WithCallbackMethod_GetServerInfo<v1::FeatureService::Service>>>>>>;

class FeatureService final : public FeatureServiceBase {
 public:
  FeatureService(const Environment& environment, const QueueBudget& queued, WindowCalls& windows, WatchCalls& watches)
      : environment_(environment), queued_(queued), windows_(windows), watches_(watches) {}

  grpc::ServerUnaryReactor* GetWindow(grpc::CallbackServerContext* context, const v1::GetWindowRequest* request,
                                      v1::GetWindowResponse* response) override;
  grpc::ServerUnaryReactor* ListStreams(grpc::CallbackServerContext* context, const v1::ListStreamsRequest* request,
                                        v1::ListStreamsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchStreamsResponse>* WatchStreams(grpc::CallbackServerContext* context,
                                                                   const v1::WatchStreamsRequest* request) override;
  grpc::ServerUnaryReactor* ListFrontEnds(grpc::CallbackServerContext* context, const v1::ListFrontEndsRequest* request,
                                          v1::ListFrontEndsResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context, const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

 private:
  const Environment& environment_;
  const QueueBudget& queued_;
  WindowCalls& windows_;
  WatchCalls& watches_;
};

}  // namespace melstream::rpc
