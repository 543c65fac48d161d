#include "tests/capi/c_engine.hpp"

#include <stdexcept>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

void must(melstream_status status) {
  if (status != MELSTREAM_OK) throw std::runtime_error(melstream_error_message());
}

}  // namespace

CFrontEnd front_end_by_name(const std::string& name) {
  melstream_front_end* handle = nullptr;
  must(melstream_front_end_by_name(name.c_str(), &handle));
  return CFrontEnd(handle);
}

CEngine make_c_engine(int n_threads) {
  melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
  options.n_threads = n_threads;
  melstream_engine* handle = nullptr;
  must(melstream_engine_create(&options, &handle));
  return CEngine(handle);
}

CStream make_c_stream(melstream_engine& engine, const melstream_front_end& front_end,
                      const melstream_stream_options& options) {
  melstream_stream* handle = nullptr;
  must(melstream_stream_create(&engine, &front_end, &options, &handle));
  return CStream(handle);
}

CError error_of(melstream_status status) { return {status, melstream_error_message(), melstream_error_field()}; }

std::vector<std::vector<float>> extract(melstream_engine& engine, const melstream_front_end& front_end,
                                        const melstream_clip_options& options,
                                        const std::vector<std::vector<float>>& clips) {
  const std::int32_t n_bins = melstream_front_end_bins(&front_end, options.smoothing);
  std::vector<std::vector<float>> rows(clips.size());
  std::vector<melstream_clip> given;
  std::vector<melstream_output> outputs;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const auto n_samples = static_cast<std::int64_t>(clips[i].size());
    const std::int64_t n_rows = melstream_front_end_rows(
        &front_end, options.smoothing, options.pad_to_samples > 0 ? options.pad_to_samples : n_samples);
    rows[i].assign(static_cast<std::size_t>(n_rows * n_bins), -1e30F);
    given.push_back({clips[i].data(), n_samples});
    outputs.push_back({rows[i].data(), n_rows, n_bins, 1});
  }
  must(melstream_extract(&engine, &front_end, &options, given.size(), given.data(), outputs.data()));
  return rows;
}

std::vector<float> rows_of_seam(const std::string& front_end, melstream_smoothing smoothing,
                                const std::vector<float>& clip) {
  static const auto made = engine::cpu::make_engine({.limits = {.max_lanes = 1, .max_rows = 20000}});
  const engine::FrontEndCatalog catalog;
  const auto prepared = made.engine->prepare(catalog.find(front_end), static_cast<engine::Smoothing>(smoothing));
  return run_tick(*made.engine, {whole_lane(*prepared, clip)}).front().rows;
}

}  // namespace melstream::test
