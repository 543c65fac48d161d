#include "melstream/rpc/admin_service.hpp"

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include <grpcpp/server_context.h>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/privacy.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

constexpr std::size_t kMaxWaiting = 64;
constexpr std::size_t kMostIdBytes = 64;

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

/// What an id shall be whose placeholders are not known yet: longer than any, and of no character that a glob names, so
/// that only a '*' takes it.
std::string with_unknown_parts(std::string_view id) {
  std::string filled;
  while (true) {
    const std::size_t begin = id.find('{');
    const std::size_t end = begin == std::string_view::npos ? begin : id.find('}', begin);
    filled += id.substr(0, end == std::string_view::npos ? end : begin);
    if (end == std::string_view::npos) return filled;
    filled.append(kMostIdBytes, '\x01');
    id.remove_prefix(end + 1);
  }
}

/// Throws Error(kPermissionDenied): a source is reached by who reaches its id and all of its streams.
void require_source(const access::Grant& grant, const std::string& id, const std::vector<std::string>& streams) {
  grant.require(id);
  for (const std::string& stream : streams) {
    if (!grant.reaches(with_unknown_parts(stream))) grant.require(stream);
  }
}

bool reaches_source(const access::Grant& grant, const core::SourceStatus& source) {
  return grant.reaches(source.spec.id) && std::all_of(source.streams.begin(), source.streams.end(),
                                                      [&](const std::string& id) { return grant.reaches(id); });
}

/// Null if it is not open.
const core::SourceStatus* find_source(const std::vector<core::SourceStatus>& all, const std::string& id) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.spec.id == id; });
  return found == all.end() ? nullptr : &*found;
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
  return queue_about_sources(*context, [request, response](core::SourceControl& sources, const access::Grant& grant) {
    const core::SourceSpec spec = to_source_spec(request->spec());
    if (!grant.reaches_all()) require_source(grant, spec.id, sources.stream_ids(spec));
    sources.open(spec);
    const std::vector<core::SourceStatus> all = sources.list();
    if (const auto* opened = find_source(all, spec.id)) set_source(*opened, *response->mutable_source());
  });
}

grpc::ServerUnaryReactor* AdminService::CloseSource(grpc::CallbackServerContext* context,
                                                    const v1::CloseSourceRequest* request,
                                                    v1::CloseSourceResponse* /*response*/) {
  return queue_about_sources(*context, [request](core::SourceControl& sources, const access::Grant& grant) {
    grant.require(request->id());
    const std::vector<core::SourceStatus> all = sources.list();
    if (const auto* open = find_source(all, request->id())) require_source(grant, open->spec.id, open->streams);
    sources.close(request->id());
  });
}

grpc::ServerUnaryReactor* AdminService::ListSources(grpc::CallbackServerContext* context,
                                                    const v1::ListSourcesRequest* /*request*/,
                                                    v1::ListSourcesResponse* response) {
  return queue_about_sources(*context, [response](core::SourceControl& sources, const access::Grant& grant) {
    for (const core::SourceStatus& source : sources.list()) {
      if (reaches_source(grant, source)) set_source(source, *response->add_sources());
    }
  });
}

grpc::ServerUnaryReactor* AdminService::ListDevices(grpc::CallbackServerContext* context,
                                                    const v1::ListDevicesRequest* /*request*/,
                                                    v1::ListDevicesResponse* response) {
  return queue_about_sources(*context, [response](core::SourceControl& sources, const access::Grant& /*grant*/) {
    for (const core::AudioDevice& device : sources.devices()) set_device(device, *response->add_devices());
  });
}

grpc::ServerUnaryReactor* AdminService::ListSubscriptions(grpc::CallbackServerContext* context,
                                                          const v1::ListSubscriptionsRequest* /*request*/,
                                                          v1::ListSubscriptionsResponse* response) {
  return queue(*context, [this, response](const access::Grant& grant) {
    for (v1::SubscriptionInfo& one : subscriptions_(grant)) *response->add_subscriptions() = std::move(one);
    if (!environment_.parts.other_readers) return;
    for (const OtherReader& one : environment_.parts.other_readers()) {
      if (grant.reaches(one.stream)) set_reader(one, *response->add_subscriptions());
    }
  });
}

grpc::ServerUnaryReactor* AdminService::GetPrivacy(grpc::CallbackServerContext* context,
                                                   const v1::GetPrivacyRequest* request,
                                                   v1::GetPrivacyResponse* response) {
  return queue(*context, [this, request, response](const access::Grant& grant) {
    set_privacy(environment_, grant, request->stream(), *response);
    response->set_window_call_count(windows_());
  });
}

grpc::ServerUnaryReactor* AdminService::queue_about_sources(grpc::CallbackServerContext& context,
                                                            SourcesAnswer answer) {
  if (sources_ != nullptr)
    return queue(context, [this, answer = std::move(answer)](const access::Grant& grant) { answer(*sources_, grant); });
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  reactor->Finish({grpc::StatusCode::FAILED_PRECONDITION, "this server runs no sources of its own; publish by gRPC"});
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::queue(grpc::CallbackServerContext& context, Answer answer) {
  grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
  std::shared_ptr<access::Grant> grant;
  try {
    grant = admit(environment_, context, access::Access::Kind::kAdmin);
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
    waiting_.push_back(
        {.context = &context, .reactor = reactor, .grant = std::move(grant), .answer = std::move(answer)});
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
      call.answer(*call.grant);
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
