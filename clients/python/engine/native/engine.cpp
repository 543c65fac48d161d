// melstream.engine.Engine, and the call that computes clips.
#include <optional>
#include <string>

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "arrays.hpp"
#include "errors.hpp"
#include "handles.hpp"
#include "without_gil.hpp"
#include "words.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace melstream::python {
namespace {

Engine make_engine(int threads, const std::string& backend, const std::string& simd, int device) {
  if (threads < 1) raise_value_error("threads: " + std::to_string(threads) + " is not in 1..256");
  refuse_zeros("backend", backend);
  refuse_zeros("simd", simd);
  melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
  options.n_threads = threads;
  options.backend = backend.c_str();
  options.simd = simd.c_str();
  options.cuda_device = device;
  melstream_engine* handle = nullptr;
  check(melstream_engine_create(&options, &handle));
  return {decltype(Engine::handle)(handle)};
}

/// Writes the features of `audio` to `out`; log_mel() in __init__.py makes that and says what the rest means.
void extract(const Engine& self, const FrontEnd& front_end, nb::handle audio, nb::handle lengths, nb::handle out,
             std::string_view smoothing, std::string_view normalization, float fixed_max, float fill,
             std::int64_t pad_to_samples, bool mel_major, std::uintptr_t cuda_stream) {
  const Clips clips = clips_of(audio, lengths);
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  options.sample_type = clips.sample_type;
  options.smoothing = smoothing_of(smoothing);
  options.normalization = normalization_of(normalization);
  options.fixed_max = fixed_max;
  options.fill = fill;
  options.pad_to_samples = pad_to_samples;
  options.memory = clips.memory;
  options.cuda_stream = reinterpret_cast<void*>(cuda_stream);
  const nb::ndarray<> values = writable(out);
  const std::int32_t n_bins = melstream_front_end_bins(front_end.handle.get(), options.smoothing);
  const auto outputs = outputs_of(values, clips.clips.size(), n_bins, mel_major, clips.memory);
  melstream_status status = MELSTREAM_OK;
  {
    const WithoutGil others_may_run;
    status = melstream_extract(self.handle.get(), front_end.handle.get(), &options, clips.clips.size(),
                               clips.clips.data(), outputs.data());
  }
  check(status);
}

}  // namespace

void add_engine(nb::module_& module) {
  nb::class_<Engine>(
      module, "Engine",
      "What computes. Any number of Python threads may use one at once: each call gets `threads` processors of its "
      "own.")
      .def(
          "__init__",
          [](Engine* self, int threads, const std::string& backend, const std::string& simd, int device) {
            new (self) Engine(make_engine(threads, backend, simd, device));
          },
          "threads"_a = 1, "backend"_a = "cpu", "simd"_a = "auto", "device"_a = 0,
          "threads: that compute one call. backend: cpu, cuda or auto. simd: instruction set of the CPU engine. "
          "device: index of "
          "the GPU. RuntimeError says what is missing.")
      .def_prop_ro("backend", [](const Engine& self) { return melstream_engine_backend(self.handle.get()); })
      .def_prop_ro(
          "target", [](const Engine& self) { return melstream_engine_target(self.handle.get()); },
          "Instruction set or GPU. Bits are equal only between equal builds, backends and targets.")
      .def_prop_ro(
          "handle", [](const Engine& self) { return reinterpret_cast<std::uintptr_t>(self.handle.get()); },
          "Address of the melstream_engine, for callers of the C ABI.")
      .def("__repr__", [](const Engine& self) {
        return std::string("<Engine ") + melstream_engine_backend(self.handle.get()) + " " +
               melstream_engine_target(self.handle.get()) + ">";
      });
  module.def("extract", &extract, "engine"_a, "front_end"_a, "audio"_a.none(), "lengths"_a.none(), "out"_a.none(),
             "smoothing"_a, "normalization"_a, "fixed_max"_a, "fill"_a, "pad_to_samples"_a, "mel_major"_a,
             "cuda_stream"_a);
}

}  // namespace melstream::python
