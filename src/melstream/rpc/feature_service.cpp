#include "melstream/rpc/feature_service.hpp"

#include <algorithm>
#include <exception>

#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/status.hpp"
#include "melstream/rpc/stream_selection.hpp"

namespace melstream::rpc {
namespace {

/// A call that is answered at once.
template <typename Fill>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, Fill fill) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  try {
    fill();
    reactor->Finish(grpc::Status::OK);
  } catch (const std::exception& error) {
    reactor->Finish(to_status(error));
  }
  return reactor;
}

void set_front_end_info(const engine::FrontEnd& front_end, v1::FrontEndInfo& out) {
  const engine::RowGeometry rows = front_end.rows(engine::Smoothing::kNone);
  out.set_name(front_end.name());
  out.set_spec_sha256(front_end.sha256());
  out.set_spec(front_end.canonical_text());
  out.set_bins(front_end.n_bins());
  out.set_hop_samples(engine::row_stride(rows));
  out.set_algorithmic_delay_samples(engine::row_lookahead(rows));
  out.set_allows_smoothing(front_end.allows_smoothing());
  out.add_normalizations(v1::NORMALIZATION_NONE);
  if (front_end.is_whisper()) {
    out.add_normalizations(v1::NORMALIZATION_RUNNING_MAX);
    out.add_normalizations(v1::NORMALIZATION_FIXED_MAX);
    out.add_normalizations(v1::NORMALIZATION_WHISPER_WINDOW);
  }
  out.add_normalizations(v1::NORMALIZATION_PER_FEATURE_WINDOW);
}

void set_process_load(const ProcessLoad& process, v1::ServerLoad& out) {
  out.set_uptime_seconds(process.uptime_s);
  out.set_cpu_seconds(process.cpu_s);
  for (const ProcessLoad::Threads& same : process.threads) {
    v1::ThreadLoad& thread = *out.add_threads();
    thread.set_name(same.name);
    thread.set_thread_count(same.n);
    thread.set_cpu_seconds(same.cpu_s);
  }
  out.set_processors(process.n_processors);
  out.set_resident_bytes(process.resident_bytes);
  out.set_resident_bytes_peak(process.resident_bytes_peak);
}

void set_counted_load(const pipeline::Counters& counters, v1::ServerLoad& out) {
  out.set_tick_busy_ns(counters.tick_busy_ns.load(std::memory_order_relaxed));
  out.set_engine_busy_ns(counters.engine_busy_ns.load(std::memory_order_relaxed));
  out.set_late_ticks(counters.late_ticks.load(std::memory_order_relaxed));
  out.set_frames_delivered(counters.frames_delivered.load(std::memory_order_relaxed));
  out.set_frames_gapped(counters.frames_gapped.load(std::memory_order_relaxed));
}

}  // namespace

grpc::ServerUnaryReactor* FeatureService::GetWindow(grpc::CallbackServerContext* context,
                                                    const v1::GetWindowRequest* request,
                                                    v1::GetWindowResponse* response) {
  return windows_.start(*context, *request, *response);
}

grpc::ServerWriteReactor<v1::GetWindowsResponse>* FeatureService::GetWindows(grpc::CallbackServerContext* context,
                                                                             const v1::GetWindowsRequest* request) {
  return windows_.start(*context, *request);
}

grpc::ServerUnaryReactor* FeatureService::ListStreams(grpc::CallbackServerContext* context,
                                                      const v1::ListStreamsRequest* request,
                                                      v1::ListStreamsResponse* response) {
  return answer(context, [&] {
    const auto grant = admit(environment_, *context, access::Access::Kind::kRead);
    const StreamSelection selection =
        request->has_streams() ? StreamSelection(request->streams(), grant) : StreamSelection(grant);
    const std::int64_t now_ns = environment_.clock().mono_ns();
    for (const auto& stream : environment_.registry().all()) {
      if (!selection.contains(*stream)) continue;
      const pipeline::StreamStatus status = stream->status();
      v1::StreamInfo& info = *response->add_streams();
      set_stream_info(status, info);
      if (!status.ended && status.newest_row_mono_ns != 0) {
        info.set_behind_ns(std::max<std::int64_t>(0, now_ns - status.newest_row_mono_ns));
      }
    }
  });
}

grpc::ServerWriteReactor<v1::WatchStreamsResponse>* FeatureService::WatchStreams(
    grpc::CallbackServerContext* context, const v1::WatchStreamsRequest* request) {
  return watches_.start(*context, *request);
}

grpc::ServerUnaryReactor* FeatureService::ListFrontEnds(grpc::CallbackServerContext* context,
                                                        const v1::ListFrontEndsRequest* /*request*/,
                                                        v1::ListFrontEndsResponse* response) {
  return answer(context, [&] {
    const auto grant = admit(environment_, *context, access::Access::Kind::kAny);
    for (const auto& front_end : environment_.registry().catalog().all()) {
      set_front_end_info(*front_end, *response->add_front_ends());
    }
  });
}

grpc::ServerUnaryReactor* FeatureService::GetServerInfo(grpc::CallbackServerContext* context,
                                                        const v1::GetServerInfoRequest* /*request*/,
                                                        v1::GetServerInfoResponse* response) {
  return answer(context, [&] {
    const auto grant = admit(environment_, *context, access::Access::Kind::kAny);
    pipeline::Registry& registry = environment_.registry();
    const pipeline::Counters& counters = registry.counters();
    response->set_version(environment_.options.version);
    const EngineStatus engine = environment_.parts.engine();
    set_engine_info(engine.info, environment_.options.build, *response->mutable_engine());
    response->set_engine_threads(engine.info.n_threads);
    response->set_engine_losses(engine.loss ? 1 : 0);
    response->set_engine_loss_reason(engine.loss.value_or(""));
    response->set_streams_shed(static_cast<std::int32_t>(counters.streams_shed.load(std::memory_order_relaxed)));
    response->set_frames_shed(counters.frames_shed.load(std::memory_order_relaxed));
    response->set_queued_bytes(queued_.now());
    response->set_queued_bytes_peak(queued_.peak());
    response->set_queued_bytes_limit(queued_.limit());
    const pipeline::OverloadView overload = registry.overload().look();
    response->set_overload_state(static_cast<std::int32_t>(overload.state()));
    response->set_memory_bytes(overload.memory_bytes);
    response->set_memory_limit_bytes(overload.limit_bytes);
    response->set_tick_ms(environment_.options.tick_ms);
    response->set_start_time_ns(environment_.start_wall_ns);
    response->set_stream_count(registry.n_live());
    response->set_max_streams(registry.options().max_streams);
    response->set_subscription_count(static_cast<std::int32_t>(counters.subscriptions.load(std::memory_order_relaxed)));
    response->set_history_seconds(registry.options().history_s);
    response->set_draining(registry.draining());
    response->set_ticks(counters.ticks.load(std::memory_order_relaxed));
    response->set_frames_computed(counters.frames_computed.load(std::memory_order_relaxed));
    if (environment_.parts.process_load) {
      set_process_load(environment_.parts.process_load(), *response->mutable_load());
    }
    set_counted_load(counters, *response->mutable_load());
  });
}

}  // namespace melstream::rpc
