// Engines, clips and streams of the C ABI (engine.h).
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "melstream/capi/clip_batch.hpp"
#include "melstream/capi/device_clips.hpp"
#include "melstream/capi/engine_pool.hpp"
#include "melstream/capi/handles.hpp"
#include "melstream/capi/options.hpp"
#include "melstream/capi/rules.hpp"
#include "melstream/capi/status.hpp"
#include "melstream/capi/stream.hpp"
#include "melstream/engine.h"

namespace {

using melstream::capi::EnginePool;
using melstream::capi::guarded;
using melstream::capi::require;

EnginePool::Options pool_options(const melstream_engine_options* given) {
  const auto taken = melstream::capi::taken(given, melstream_engine_options MELSTREAM_ENGINE_OPTIONS_INIT, "options");
  EnginePool::Options options;
  if (taken.backend != nullptr) options.backend = taken.backend;
  if (taken.simd != nullptr) options.simd = taken.simd;
  if (taken.n_threads != 0) options.n_threads = taken.n_threads;
  options.cuda_device = taken.cuda_device;
  return options;
}

}  // namespace

extern "C" {

melstream_status melstream_engine_create(const melstream_engine_options* options, melstream_engine** engine) {
  return guarded([&] {
    require(engine, "engine");
    *engine = nullptr;
    *engine = new melstream_engine{EnginePool(pool_options(options))};
  });
}

void melstream_engine_free(melstream_engine* engine) { delete engine; }

const char* melstream_engine_backend(const melstream_engine* engine) {
  return engine == nullptr ? "" : engine->pool.info().backend.c_str();
}
const char* melstream_engine_target(const melstream_engine* engine) {
  return engine == nullptr ? "" : engine->pool.info().target.c_str();
}

melstream_status melstream_extract(melstream_engine* engine, const melstream_front_end* front_end,
                                   const melstream_clip_options* options, size_t n_clips, const melstream_clip* clips,
                                   const melstream_output* outputs) {
  return guarded([&] {
    require(engine, "engine");
    require(front_end, "front_end");
    const auto taken = melstream::capi::taken(options, melstream_clip_options MELSTREAM_CLIP_OPTIONS_INIT, "options");
    const melstream::capi::ClipRules rules = melstream::capi::clip_rules(front_end->value, taken);
    if (n_clips == 0) return;
    constexpr size_t kMostClips = size_t{1} << 31;
    if (n_clips > kMostClips) melstream::capi::refuse("n_clips", std::to_string(n_clips) + " clips at once");
    require(clips, "clips");
    require(outputs, "outputs");
    if (taken.memory == MELSTREAM_CUDA) {
      melstream::capi::extract_on_device(engine->pool.clip_engine(), rules, {clips, n_clips}, {outputs, n_clips},
                                         taken.cuda_stream);
      return;
    }
    const EnginePool::Lease worker(engine->pool);
    melstream::capi::ClipBatch(*worker, rules).extract({clips, n_clips}, {outputs, n_clips});
  });
}

melstream_status melstream_stream_create(melstream_engine* engine, const melstream_front_end* front_end,
                                         const melstream_stream_options* options, melstream_stream** stream) {
  return guarded([&] {
    require(engine, "engine");
    require(front_end, "front_end");
    require(stream, "stream");
    *stream = nullptr;
    const auto taken =
        melstream::capi::taken(options, melstream_stream_options MELSTREAM_STREAM_OPTIONS_INIT, "options");
    *stream = new melstream_stream{{engine->pool, melstream::capi::stream_rules(front_end->value, taken)}};
  });
}

void melstream_stream_free(melstream_stream* stream) { delete stream; }

melstream_status melstream_stream_push(melstream_stream* stream, const void* samples, int64_t n_samples) {
  return guarded([&] {
    require(stream, "stream");
    stream->value.push(samples, n_samples);
  });
}

melstream_status melstream_stream_flush(melstream_stream* stream) {
  return guarded([&] {
    require(stream, "stream");
    stream->value.flush();
  });
}

int64_t melstream_stream_ready(const melstream_stream* stream) {
  return stream == nullptr ? 0 : stream->value.n_ready();
}

melstream_status melstream_stream_pull(melstream_stream* stream, float* rows, int64_t max_rows, int64_t* n_rows) {
  return guarded([&] {
    require(stream, "stream");
    require(n_rows, "n_rows");
    *n_rows = 0;
    if (max_rows < 0) melstream::capi::refuse("max_rows", std::to_string(max_rows) + " is below 0");
    if (max_rows > 0) require(rows, "rows");
    if (reinterpret_cast<uintptr_t>(rows) % sizeof(float) != 0) {
      melstream::capi::refuse("rows", "is not aligned to the 4 bytes of a float");
    }
    *n_rows = stream->value.pull(rows, max_rows);
  });
}

melstream_status melstream_stream_reset(melstream_stream* stream) {
  return guarded([&] {
    require(stream, "stream");
    stream->value.reset();
  });
}

}  // extern "C"
