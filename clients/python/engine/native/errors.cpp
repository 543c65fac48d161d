#include "errors.hpp"

#include <new>
#include <stdexcept>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace melstream::python {

void raise_type_error(const std::string& message) { throw nb::type_error(message.c_str()); }
void raise_value_error(const std::string& message) { throw nb::value_error(message.c_str()); }

void check(melstream_status status) {
  switch (status) {
    case MELSTREAM_OK:
      return;
    case MELSTREAM_INVALID_ARGUMENT:
    case MELSTREAM_NOT_FOUND:
    case MELSTREAM_OUT_OF_RANGE:
      raise_value_error(melstream_error_message());
    case MELSTREAM_OUT_OF_MEMORY:
      PyErr_SetString(PyExc_MemoryError, melstream_error_message());
      throw nb::python_error();
    default:
      throw std::runtime_error(melstream_error_message());
  }
}

}  // namespace melstream::python
