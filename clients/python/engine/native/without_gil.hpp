// Python's lock is given up while the engine computes, and taken again afterwards, unless the interpreter is on its way
// out: taking it would end the thread by unwinding it, which ends the process in C++ frames. Such a thread, a daemon
// thread, then waits for the process's end.
#pragma once

#include <nanobind/nanobind.h>

namespace melstream::python {

/// Registers the handler of the interpreter's end. Thread: the one that imports the module.
void prepare_for_exit(nanobind::module_& module);

class WithoutGil {
 public:
  WithoutGil() noexcept : state_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  /// Does not return once the interpreter ends.
  ~WithoutGil();

 private:
  PyThreadState* state_;
};

}  // namespace melstream::python
