#include "errors.hpp"

#include <string_view>

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace melstream::python {
namespace {

/// Names of users, which messages quote a part of, may be cut within a character.
[[noreturn]] void raise(PyObject* type, std::string_view message) {
  const nb::object text =
      nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  if (text.is_valid()) PyErr_SetObject(type, text.ptr());
  throw nb::python_error();
}

}  // namespace

void raise_type_error(const std::string& message) { raise(PyExc_TypeError, message); }
void raise_value_error(const std::string& message) { raise(PyExc_ValueError, message); }

void check(melstream_status status) {
  switch (status) {
    case MELSTREAM_OK:
      return;
    case MELSTREAM_INVALID_ARGUMENT:
    case MELSTREAM_NOT_FOUND:
    case MELSTREAM_OUT_OF_RANGE:
      raise(PyExc_ValueError, melstream_error_message());
    case MELSTREAM_OUT_OF_MEMORY:
      raise(PyExc_MemoryError, melstream_error_message());
    default:
      raise(PyExc_RuntimeError, melstream_error_message());
  }
}

void refuse_zeros(const char* argument, const std::string& text) {
  if (text.find('\0') != std::string::npos) raise(PyExc_ValueError, std::string(argument) + ": has a zero byte");
}

}  // namespace melstream::python
