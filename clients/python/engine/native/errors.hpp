// What goes wrong, as Python's exceptions: a line that says what was given and what is taken.
#pragma once

#include <string>

#include "melstream/engine.h"

namespace melstream::python {

/// Raises the exception of a failed call: ValueError, MemoryError or RuntimeError. MELSTREAM_OK: nothing.
void check(melstream_status status);

/// Raise TypeError, ValueError.
[[noreturn]] void raise_type_error(const std::string& message);
[[noreturn]] void raise_value_error(const std::string& message);

/// Raises ValueError for a text that C would see the beginning of alone.
void refuse_zeros(const char* argument, const std::string& text);

}  // namespace melstream::python
