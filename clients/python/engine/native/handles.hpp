// The handles of the C ABI as Python objects own them, and what each file adds to the module.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include <nanobind/nanobind.h>

#include "melstream/engine.h"

namespace melstream::python {

template <auto kFree>
struct Freed {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    kFree(handle);
  }
};

struct FrontEnd {
  std::unique_ptr<melstream_front_end, Freed<melstream_front_end_free>> handle;
};

struct Engine {
  std::unique_ptr<melstream_engine, Freed<melstream_engine_free>> handle;
};

/// Python keeps the engine alive as long as the stream. Calls of several threads take turns.
struct Stream {
  std::unique_ptr<melstream_stream, Freed<melstream_stream_free>> handle;
  melstream_sample_type sample_type = MELSTREAM_FLOAT32;
  std::int32_t n_bins = 0;
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();
};

void add_front_end(nanobind::module_& module);
void add_engine(nanobind::module_& module);
void add_stream(nanobind::module_& module);

}  // namespace melstream::python
