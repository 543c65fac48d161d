// What the handles of the C ABI point to.
#pragma once

#include <memory>

#include "melstream/capi/engine_pool.hpp"
#include "melstream/capi/stream.hpp"
#include "melstream/engine.h"
#include "melstream/engine/front_end.hpp"

struct melstream_front_end {
  std::shared_ptr<const melstream::engine::FrontEnd> value;
};

struct melstream_engine {
  melstream::capi::EnginePool pool;
};

struct melstream_stream {
  melstream::capi::Stream value;
};
