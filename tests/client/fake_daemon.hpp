// A daemon that says what a test tells it to: all services on a unix socket, in this process.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "melstream/v1/admin_service.grpc.pb.h"
#include "melstream/v1/audio_service.grpc.pb.h"
#include "melstream/v1/feature_service.grpc.pb.h"

#include "tests/client/responses.hpp"

namespace melstream::client {

/// What it will answer to one call of Subscribe.
struct SubscribeAnswer {
  std::vector<v1::SubscribeResponse> responses;
  grpc::Status status;
  std::size_t n_acknowledgements = 0;  ///< that it waits for before the status
};

/// What it will answer.
struct Script {
  /// After the subscription's start, once the publisher has sent everything (if wait_for_audio).
  std::vector<v1::SubscribeResponse> responses;
  grpc::Status subscribe_status;
  /// Of StreamAudio: before the stream is started, and instead of its totals.
  grpc::Status open_status;
  grpc::Status publish_status;
  v1::StreamEnded ended;
  bool wait_for_audio = true;
  /// Of every call of AdminService.
  grpc::Status admin_status;
  v1::ListSourcesResponse sources;  ///< OpenSource answers the first
  v1::ListDevicesResponse devices;
  v1::ListSubscriptionsResponse subscriptions;
  v1::GetServerInfoResponse info;
  /// Of one call of Subscribe after another, instead of `responses`; without a start of their own. The last one
  /// repeats.
  std::vector<SubscribeAnswer> subscriptions_to_come;
  v1::ListStreamsResponse streams;
  /// Of GetWindows and WatchStreams, which then end.
  std::vector<v1::GetWindowsResponse> windows;
  std::vector<v1::WatchStreamsResponse> watched;
};

/// What it was told.
struct Record {
  v1::AudioConfig audio_config;
  v1::SubscribeConfig subscribe_config;                ///< the last
  std::vector<v1::SubscribeConfig> subscribe_configs;  ///< all
  std::vector<std::int64_t> acknowledged;              ///< counts, of all calls
  std::string audio;
  std::vector<std::size_t> chunk_bytes;
  bool audio_before_subscription = false;
  v1::SourceSpec opened;
  std::string closed;
  v1::GetWindowsRequest windows_request;
  v1::ListStreamsRequest list_request;
  v1::WatchStreamsRequest watch_request;
};

/// Has the front ends "tiny" (2 bins, everything allowed) and "plain" (2 bins, nothing allowed).
class FakeDaemon final : v1::AdminService::Service, v1::AudioService::Service, v1::FeatureService::Service {
 public:
  FakeDaemon(const std::string& socket_path, Script script);
  ~FakeDaemon() override;

  const std::string& address() const { return address_; }
  Record record();

 private:
  using AudioCall = grpc::ServerReaderWriter<v1::StreamAudioResponse, v1::StreamAudioRequest>;
  using SubscribeCall = grpc::ServerReaderWriter<v1::SubscribeResponse, v1::SubscribeRequest>;

  grpc::Status StreamAudio(grpc::ServerContext* context, AudioCall* call) override;
  grpc::Status Subscribe(grpc::ServerContext* context, SubscribeCall* call) override;
  grpc::Status ListFrontEnds(grpc::ServerContext* context, const v1::ListFrontEndsRequest* request,
                             v1::ListFrontEndsResponse* response) override;
  grpc::Status GetWindow(grpc::ServerContext* context, const v1::GetWindowRequest* request,
                         v1::GetWindowResponse* response) override;
  grpc::Status GetWindows(grpc::ServerContext* context, const v1::GetWindowsRequest* request,
                          grpc::ServerWriter<v1::GetWindowsResponse>* writer) override;
  grpc::Status ListStreams(grpc::ServerContext* context, const v1::ListStreamsRequest* request,
                           v1::ListStreamsResponse* response) override;
  grpc::Status WatchStreams(grpc::ServerContext* context, const v1::WatchStreamsRequest* request,
                            grpc::ServerWriter<v1::WatchStreamsResponse>* writer) override;
  grpc::Status OpenSource(grpc::ServerContext* context, const v1::OpenSourceRequest* request,
                          v1::OpenSourceResponse* response) override;
  grpc::Status CloseSource(grpc::ServerContext* context, const v1::CloseSourceRequest* request,
                           v1::CloseSourceResponse* response) override;
  grpc::Status ListSources(grpc::ServerContext* context, const v1::ListSourcesRequest* request,
                           v1::ListSourcesResponse* response) override;
  grpc::Status ListDevices(grpc::ServerContext* context, const v1::ListDevicesRequest* request,
                           v1::ListDevicesResponse* response) override;

  grpc::Status ListSubscriptions(grpc::ServerContext* context, const v1::ListSubscriptionsRequest* request,
                                 v1::ListSubscriptionsResponse* response) override;
  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* response) override;
  grpc::Status answer_in_turn(const SubscribeAnswer& answer, SubscribeCall* call);

  std::string address_;
  Script script_;
  std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  Record record_;
  bool subscribed_ = false;
  bool audio_ended_ = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace melstream::client
