#include "without_gil.hpp"

#include <condition_variable>
#include <mutex>

#include <pthread.h>
#include <unistd.h>

namespace nb = nanobind;

namespace melstream::python {
namespace {

/// Never destroyed: threads wait at it while the process ends.
struct Exit {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_near = false;  ///< by mutex
  int n_returning = 0;   ///< by mutex; threads that are taking Python's lock
};

Exit& the_exit() {
  static Exit* const instance = new Exit;
  return *instance;
}

/// Atexit: from now on nobody takes the lock again, and those that are about to have it first.
void come_near() {
  Exit& exit = the_exit();
  PyThreadState* const state = PyEval_SaveThread();
  {
    std::unique_lock lock(exit.mutex);
    exit.is_near = true;
    exit.changed.wait(lock, [&] { return exit.n_returning == 0; });
  }
  PyEval_RestoreThread(state);
}

/// A child that is forked has one thread, which was not taking the lock, and ends by itself.
void begin_anew() { new (&the_exit()) Exit; }

}  // namespace

void prepare_for_exit(nb::module_& module) {
  the_exit();
  pthread_atfork(nullptr, nullptr, begin_anew);
  module.def("_come_near_the_end", &come_near);
  nb::module_::import_("atexit").attr("register")(module.attr("_come_near_the_end"));
}

WithoutGil::~WithoutGil() {
  Exit& exit = the_exit();
  {
    std::unique_lock lock(exit.mutex);
    if (exit.is_near) {
      lock.unlock();
      for (;;) pause();
    }
    ++exit.n_returning;
  }
  PyEval_RestoreThread(state_);
  const std::lock_guard lock(exit.mutex);
  if (--exit.n_returning == 0) exit.changed.notify_all();
}

}  // namespace melstream::python
