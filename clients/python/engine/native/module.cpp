// The extension melstream.engine._native: the C ABI for Python.
#include <stdexcept>
#include <string>

#include "melstream/engine.h"

#include "handles.hpp"
#include "without_gil.hpp"

namespace nb = nanobind;

NB_MODULE(_native, module) {
  if (const std::uint32_t found = melstream_abi_version(); found != MELSTREAM_ABI_VERSION) {
    throw nb::import_error(
        ("libmelstream_engine has ABI version " + std::to_string(found) + ", this package was built for " +
         std::to_string(MELSTREAM_ABI_VERSION) +
         "; another library of that name is found first (LD_LIBRARY_PATH, LD_PRELOAD): remove it, or install "
         "melstream-engine again")
            .c_str());
  }
  nb::set_leak_warnings(false);  // front ends and engines are kept to the end of the process, by name
  module.attr("ABI_VERSION") = MELSTREAM_ABI_VERSION;
  module.attr("build_id") = melstream_build_id();
  melstream::python::prepare_for_exit(module);
  melstream::python::add_front_end(module);
  melstream::python::add_engine(module);
  melstream::python::add_stream(module);
}
