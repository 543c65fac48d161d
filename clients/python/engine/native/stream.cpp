// melstream.engine.Stream.
#include <algorithm>
#include <optional>
#include <string>

#include <nanobind/stl/optional.h>
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

Stream make_stream(const Engine& engine, const FrontEnd& front_end, std::string_view smoothing,
                   std::string_view normalization, float fixed_max, std::string_view dtype) {
  static constexpr std::array<std::pair<std::string_view, std::int32_t>, 2> kTypes{
      {{"float32", MELSTREAM_FLOAT32}, {"int16", MELSTREAM_INT16}}};
  melstream_stream_options options = MELSTREAM_STREAM_OPTIONS_INIT;
  options.sample_type = number_of(kTypes, "dtype", dtype);
  options.smoothing = smoothing_of(smoothing);
  options.normalization = normalization_of(normalization);
  options.fixed_max = fixed_max;
  melstream_stream* handle = nullptr;
  check(melstream_stream_create(engine.handle.get(), front_end.handle.get(), &options, &handle));
  Stream stream;
  stream.handle.reset(handle);
  stream.sample_type = options.sample_type;
  stream.n_bins = melstream_front_end_bins(front_end.handle.get(), options.smoothing);
  return stream;
}

/// A call of the C ABI, without Python's lock: a thread that computes has the stream's.
template <typename Call>
auto locked(Stream& self, const Call& call) {
  const WithoutGil others_may_run;
  const std::lock_guard lock(*self.mutex);
  return call(self.handle.get());
}

void push(Stream& self, nb::handle samples) {
  if (nb::hasattr(samples, "requires_grad") && nb::cast<bool>(samples.attr("requires_grad"))) {
    raise_value_error("samples: require a gradient, which is not offered; push a detached tensor (.detach())");
  }
  const AnyArray array = samples_of(samples, "samples");
  if (sample_type_of(array, "samples") != self.sample_type) {
    raise_type_error(std::string("samples: are not of the stream's dtype, ") +
                     (self.sample_type == MELSTREAM_INT16 ? "int16" : "float32"));
  }
  if (array.device_type() != nb::device::cpu::value)
    raise_value_error("samples: are not on the CPU, as a stream's are");
  check(locked(self, [&](melstream_stream* stream) {
    return melstream_stream_push(stream, array.data(), static_cast<std::int64_t>(array.shape(0)));
  }));
}

std::int64_t ready(Stream& self) { return locked(self, melstream_stream_ready); }

using Rows = nb::ndarray<nb::numpy, float, nb::ndim<2>>;

Rows pull(Stream& self, std::optional<std::int64_t> max_rows) {
  if (max_rows && *max_rows < 0) raise_value_error("max_rows: " + std::to_string(*max_rows) + " is below 0");
  const std::int64_t n_ready = ready(self);
  const std::int64_t n_rows = max_rows ? std::min(*max_rows, n_ready) : n_ready;
  const auto n_values = static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(self.n_bins);
  auto values = std::make_unique<float[]>(std::max<std::size_t>(n_values, 1));
  std::int64_t n_pulled = 0;
  check(locked(
      self, [&](melstream_stream* stream) { return melstream_stream_pull(stream, values.get(), n_rows, &n_pulled); }));
  float* const rows = values.get();
  const nb::capsule owner(values.release(), [](void* memory) noexcept { delete[] static_cast<float*>(memory); });
  return Rows(rows, {static_cast<std::size_t>(n_pulled), static_cast<std::size_t>(self.n_bins)}, owner);
}

}  // namespace

void add_stream(nb::module_& module) {
  nb::class_<Stream>(
      module, "Stream",
      "Features of samples as they come. Rows equal those of log_mel() of all samples together, however they are "
      "pushed. One thread at a time.")
      .def(
          "__init__",
          [](Stream* self, const Engine& engine, const FrontEnd& front_end, std::string_view smoothing,
             std::string_view normalization, float fixed_max, std::string_view dtype) {
            new (self) Stream(make_stream(engine, front_end, smoothing, normalization, fixed_max, dtype));
          },
          nb::keep_alive<1, 2>(), "engine"_a, "front_end"_a, "smoothing"_a, "normalization"_a, "fixed_max"_a, "dtype"_a)
      .def("push", &push, "samples"_a.none(),
           "Takes a copy of samples, [n] of the stream's dtype. RuntimeError after flush().")
      .def_prop_ro("ready", &ready, "Rows that can be pulled now.")
      .def("pull", &pull, "max_rows"_a = nb::none(),
           "The next rows, [rows, bins]: all that are ready, or at most max_rows.")
      .def(
          "flush", [](Stream& self) { check(locked(self, melstream_stream_flush)); },
          "No more samples: the rest of the rows becomes ready, the end padded as the front end does.")
      .def(
          "reset", [](Stream& self) { check(locked(self, melstream_stream_reset)); }, "As new: for the next segment.");
}

}  // namespace melstream::python
