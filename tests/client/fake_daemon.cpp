#include "tests/client/fake_daemon.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace melstream::client {
namespace {

void add_front_end(const std::string& name, bool everything, v1::ListFrontEndsResponse& response) {
  auto& info = *response.add_front_ends();
  info.set_name(name);
  info.set_spec("name=" + name + "\n");
  info.set_spec_sha256(std::string(64, 'a'));
  info.set_bins(2);
  info.set_hop_samples(160);
  info.set_allows_smoothing(everything);
  info.add_normalizations(v1::NORMALIZATION_NONE);
  if (!everything) return;
  for (const auto value : {v1::NORMALIZATION_RUNNING_MAX, v1::NORMALIZATION_FIXED_MAX, v1::NORMALIZATION_WHISPER_WINDOW,
                           v1::NORMALIZATION_PER_FEATURE_WINDOW}) {
    info.add_normalizations(value);
  }
}

}  // namespace

FakeDaemon::FakeDaemon(const std::string& socket_path, Script script)
    : address_("unix:" + socket_path), script_(std::move(script)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<v1::AdminService::Service*>(this));
  builder.RegisterService(static_cast<v1::AudioService::Service*>(this));
  builder.RegisterService(static_cast<v1::FeatureService::Service*>(this));
  server_ = builder.BuildAndStart();
}

FakeDaemon::~FakeDaemon() { server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5)); }

Record FakeDaemon::record() {
  const std::lock_guard lock(mutex_);
  return record_;
}

grpc::Status FakeDaemon::StreamAudio(grpc::ServerContext*, AudioCall* call) {
  v1::StreamAudioRequest request;
  call->Read(&request);
  if (!script_.open_status.ok()) return script_.open_status;
  {
    const std::lock_guard lock(mutex_);
    record_.audio_config = request.config();
  }
  v1::StreamAudioResponse response;
  auto& started = *response.mutable_started()->add_streams();
  started.set_stream(request.config().stream());
  started.set_epoch(7);
  call->Write(response);
  while (call->Read(&request)) {
    const std::lock_guard lock(mutex_);
    record_.audio += request.audio().content();
    record_.chunk_bytes.push_back(request.audio().content().size());
    record_.audio_before_subscription = record_.audio_before_subscription || !subscribed_;
  }
  {
    const std::lock_guard lock(mutex_);
    audio_ended_ = true;
  }
  changed_.notify_all();
  if (!script_.publish_status.ok()) return script_.publish_status;
  *response.mutable_ended() = script_.ended;
  call->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::Subscribe(grpc::ServerContext*, SubscribeCall* call) {
  v1::SubscribeRequest request;
  call->Read(&request);
  std::size_t n_call = 0;
  {
    const std::lock_guard lock(mutex_);
    record_.subscribe_config = request.config();
    record_.subscribe_configs.push_back(request.config());
    subscribed_ = true;
    n_call = record_.subscribe_configs.size();
  }
  if (const auto& answers = script_.subscriptions_to_come; !answers.empty()) {
    return answer_in_turn(answers[std::min(n_call, answers.size()) - 1], call);
  }
  if (script_.responses.empty()) return script_.subscribe_status;
  v1::SubscribeResponse response;
  auto& start = *response.mutable_start();
  start.set_stream(request.config().stream());
  start.set_bins(2);
  start.set_hop_samples(160);
  call->Write(response);
  if (script_.wait_for_audio) {
    std::unique_lock lock(mutex_);
    // Ends also if the client goes away: its publisher's call ends then.
    changed_.wait_for(lock, std::chrono::seconds(20), [this] { return audio_ended_; });
  }
  for (const auto& scripted : script_.responses) call->Write(of(request.config().stream(), 0, scripted));
  return script_.subscribe_status;
}

grpc::Status FakeDaemon::answer_in_turn(const SubscribeAnswer& answer, SubscribeCall* call) {
  for (const auto& response : answer.responses) call->Write(response);
  v1::SubscribeRequest request;
  for (std::size_t i = 0; i < answer.n_acknowledgements && call->Read(&request); ++i) {
    const std::lock_guard lock(mutex_);
    record_.acknowledged.push_back(request.acknowledgement().response_count());
  }
  return answer.status;
}

grpc::Status FakeDaemon::ListSubscriptions(grpc::ServerContext*, const v1::ListSubscriptionsRequest*,
                                           v1::ListSubscriptionsResponse* response) {
  *response = script_.subscriptions;
  return script_.admin_status;
}

grpc::Status FakeDaemon::GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                                       v1::GetServerInfoResponse* response) {
  *response = script_.info;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListFrontEnds(grpc::ServerContext*, const v1::ListFrontEndsRequest*,
                                       v1::ListFrontEndsResponse* response) {
  add_front_end("tiny", true, *response);
  add_front_end("plain", false, *response);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::GetWindow(grpc::ServerContext*, const v1::GetWindowRequest* request,
                                   v1::GetWindowResponse* response) {
  if (request->end_sample() > 16000) {
    v1::WindowErrorDetail detail;
    detail.mutable_held()->set_begin_sample(160);
    detail.mutable_held()->set_end_sample(16000);
    return {grpc::StatusCode::OUT_OF_RANGE, "not held", detail.SerializeAsString()};
  }
  response->set_frame_count(1);
  response->set_bins(2);
  response->set_values(block_response(5, 1).block().values());
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::GetWindows(grpc::ServerContext*, const v1::GetWindowsRequest* request,
                                    grpc::ServerWriter<v1::GetWindowsResponse>* writer) {
  {
    const std::lock_guard lock(mutex_);
    record_.windows_request = *request;
  }
  for (const auto& response : script_.windows) writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::ListStreams(grpc::ServerContext*, const v1::ListStreamsRequest* request,
                                     v1::ListStreamsResponse* response) {
  const std::lock_guard lock(mutex_);
  record_.list_request = *request;
  *response = script_.streams;
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::WatchStreams(grpc::ServerContext*, const v1::WatchStreamsRequest* request,
                                      grpc::ServerWriter<v1::WatchStreamsResponse>* writer) {
  {
    const std::lock_guard lock(mutex_);
    record_.watch_request = *request;
  }
  for (const auto& response : script_.watched) writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeDaemon::OpenSource(grpc::ServerContext*, const v1::OpenSourceRequest* request,
                                    v1::OpenSourceResponse* response) {
  const std::lock_guard lock(mutex_);
  record_.opened = request->spec();
  if (script_.sources.sources_size() > 0) *response->mutable_source() = script_.sources.sources(0);
  return script_.admin_status;
}

grpc::Status FakeDaemon::CloseSource(grpc::ServerContext*, const v1::CloseSourceRequest* request,
                                     v1::CloseSourceResponse*) {
  const std::lock_guard lock(mutex_);
  record_.closed = request->id();
  return script_.admin_status;
}

grpc::Status FakeDaemon::ListSources(grpc::ServerContext*, const v1::ListSourcesRequest*,
                                     v1::ListSourcesResponse* response) {
  *response = script_.sources;
  return script_.admin_status;
}

grpc::Status FakeDaemon::ListDevices(grpc::ServerContext*, const v1::ListDevicesRequest*,
                                     v1::ListDevicesResponse* response) {
  *response = script_.devices;
  return script_.admin_status;
}

}  // namespace melstream::client
