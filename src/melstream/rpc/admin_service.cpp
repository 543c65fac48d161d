#include "melstream/rpc/admin_service.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <grpcpp/server_context.h>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/privacy.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

constexpr std::size_t kMaxWaiting = 64;

v1::SourceState from_source_state(core::SourceState state) noexcept {
  switch (state) {
    case core::SourceState::kIdle:
      return v1::SOURCE_STATE_IDLE;
    case core::SourceState::kWaiting:
      return v1::SOURCE_STATE_WAITING;
    case core::SourceState::kLive:
      return v1::SOURCE_STATE_LIVE;
    case core::SourceState::kEnded:
      return v1::SOURCE_STATE_ENDED;
  }
  return v1::SOURCE_STATE_UNSPECIFIED;
}

void set_source(const core::SourceStatus& source, v1::SourceStatus& out) {
  out.mutable_spec()->set_id(source.spec.id);
  out.mutable_spec()->set_uri(source.spec.uri);
  out.mutable_spec()->mutable_labels()->insert(source.spec.labels.begin(), source.spec.labels.end());
  out.set_state(from_source_state(source.state));
  out.set_detail(source.detail);
  for (const std::string& stream : source.streams) out.add_streams(stream);
  for (const core::SourceCounter& counter : source.counters) (*out.mutable_counters())[counter.name] = counter.value;
  if (source.drift_ppm) out.set_drift_ppm(*source.drift_ppm);
}

void set_device(const core::AudioDevice& device, v1::AudioDevice& out) {
  out.set_name(device.name);
  out.set_host_api(device.host_api);
  out.set_channel_count(device.n_channels);
  out.set_sample_rate_hertz(device.sample_rate_hz);
  out.set_is_default(device.is_default);
}

core::SourceSpec to_source_spec(const v1::SourceSpec& spec) {
  return {.id = spec.id(), .uri = spec.uri(), .labels = {spec.labels().begin(), spec.labels().end()}};
}

void set_reader(const OtherReader& reader, v1::SubscriptionInfo& out) {
  out.set_peer(reader.peer);
  out.set_streams(reader.stream);
  out.set_front_end(reader.front_end);
  out.set_stream_count(1);
  out.set_lag_frames(reader.lag_frames);
  out.set_delivered_frames(reader.delivered_frames);
  out.set_gap_frames(reader.gap_frames);
}

}  // namespace

AdminService::AdminService(const Environment& environment, Subscriptions subscriptions, WindowCount windows)
    : environment_(environment),
      sources_(environment.parts.sources),
      subscriptions_(std::move(subscriptions)),
      windows_(std::move(windows)),
      worker_("ms-admin", {.on_wake = [this] { answer_all(); }, .on_period = {}}) {}

grpc::ServerUnaryReactor* AdminService::OpenSource(grpc::CallbackServerContext* context,
                                                   const v1::OpenSourceRequest* request,
                                                   v1::OpenSourceResponse* response) {
  return queue_about_sources(*context, [request, response](core::SourceControl& sources) {
    const core::SourceSpec spec = to_source_spec(request->spec());
    sources.open(spec);
    const std::vector<core::SourceStatus> all = sources.list();
    const auto opened = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.spec.id == spec.id; });
    if (opened != all.end()) set_source(*opened, *response->mutable_source());
  });
}

grpc::ServerUnaryReactor* AdminService::CloseSource(grpc::CallbackServerContext* context,
                                                    const v1::CloseSourceRequest* request,
                                                    v1::CloseSourceResponse* /*response*/) {
  return queue_about_sources(*context, [request](core::SourceControl& sources) { sources.close(request->id()); });
}

grpc::ServerUnaryReactor* AdminService::ListSources(grpc::CallbackServerContext* context,
                                                    const v1::ListSourcesRequest* /*request*/,
                                                    v1::ListSourcesResponse* response) {
  return queue_about_sources(*context, [response](core::SourceControl& sources) {
    for (const core::SourceStatus& source : sources.list()) set_source(source, *response->add_sources());
  });
}

grpc::ServerUnaryReactor* AdminService::ListDevices(grpc::CallbackServerContext* context,
                                                    const v1::ListDevicesRequest* /*request*/,
                                                    v1::ListDevicesResponse* response) {
  return queue_about_sources(*context, [response](core::SourceControl& sources) {
    for (const core::AudioDevice& device : sources.devices()) set_device(device, *response->add_devices());
  });
}

grpc::ServerUnaryReactor* AdminService::ListSubscriptions(grpc::CallbackServerContext* context,
                                                          const v1::ListSubscriptionsRequest* /*request*/,
                                                          v1::ListSubscriptionsResponse* response) {
  return queue(*context, [this, response] {
    for (v1::SubscriptionInfo& one : subscriptions_()) *response->add_subscriptions() = std::move(one);
    if (!environment_.parts.other_readers) return;
    for (const OtherReader& one : environment_.parts.other_readers()) set_reader(one, *response->add_subscriptions());
  });
}

grpc::ServerUnaryReactor* AdminService::GetPrivacy(grpc::CallbackServerContext* context,
                                                   const v1::GetPrivacyRequest* request,
                                                   v1::GetPrivacyResponse* response) {
  return queue(*context, [this, request, response] {
    set_privacy(environment_, request->stream(), *response);
    response->set_window_call_count(windows_());
  });
}

grpc::ServerUnaryReactor* AdminService::queue_about_sources(grpc::CallbackServerContext& context,
                                                            SourcesAnswer answer) {
  if (sources_ != nullptr) return queue(context, [this, answer = std::move(answer)] { answer(*sources_); });
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  reactor->Finish({grpc::StatusCode::FAILED_PRECONDITION, "this server runs no sources of its own; publish by gRPC"});
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::queue(grpc::CallbackServerContext& context, Answer answer) {
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  try {
    admit(environment_, context, access::Access::Kind::kAdmin);
  } catch (const std::exception& error) {
    reactor->Finish(to_status(error));
    return reactor;
  }
  const std::lock_guard lock(mutex_);
  if (closed_) {
    reactor->Finish({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"});
  } else if (waiting_.size() >= kMaxWaiting) {
    reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                     std::to_string(waiting_.size()) + " calls are waiting already; try again later"});
  } else {
    waiting_.push_back({.context = &context, .reactor = reactor, .answer = std::move(answer)});
    worker_.wake();
  }
  return reactor;
}

void AdminService::answer_all() {
  while (true) {
    Call call;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      call = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
    }
    if (call.context->IsCancelled()) {
      call.reactor->Finish(grpc::Status::CANCELLED);
      continue;
    }
    grpc::Status status;
    try {
      call.answer();
    } catch (const std::exception& error) {
      status = to_status(error);
    }
    call.reactor->Finish(status);
  }
}

void AdminService::end_all() {
  std::vector<Call> calls;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    calls.swap(waiting_);
  }
  for (const Call& call : calls) {
    call.reactor->Finish({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"});
  }
}

}  // namespace melstream::rpc
