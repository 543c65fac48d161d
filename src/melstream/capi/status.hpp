// The border of the C ABI: exceptions become a status, and a line that the thread can ask for.
#pragma once

#include <string>

#include "melstream/capi/default_floats.hpp"
#include "melstream/engine.h"

namespace melstream::capi {

/// Of the exception that is being handled; keeps its message and field for this thread. Never throws.
melstream_status status_of_exception() noexcept;

/// Throws Error(kInvalidArgument) that says what `argument` must be.
[[noreturn]] void refuse(const std::string& argument, const std::string& what);

/// Throws as refuse() does if `pointer` is null.
void require(const void* pointer, const char* argument);

const char* last_message() noexcept;
const char* last_field() noexcept;

template <typename Call>
melstream_status guarded(const Call& call) noexcept {
  const DefaultFloats floats;
  try {
    call();
    return MELSTREAM_OK;
  } catch (...) {
    return status_of_exception();
  }
}

}  // namespace melstream::capi
