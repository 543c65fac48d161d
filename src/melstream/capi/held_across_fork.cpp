#include "melstream/capi/held_across_fork.hpp"

#include <system_error>
#include <vector>

#include <pthread.h>

namespace melstream::capi {
namespace {

struct Registered {
  std::mutex mutex;
  std::vector<std::mutex*> all;  // by mutex
};

Registered& registered() {
  static Registered& never_destroyed = *new Registered;  // a process may fork as it ends
  return never_destroyed;
}

void hold_all() {
  registered().mutex.lock();
  for (std::mutex* one : registered().all) one->lock();
}

void free_all() {
  for (std::mutex* one : registered().all) one->unlock();
  registered().mutex.unlock();
}

}  // namespace

HeldAcrossFork::HeldAcrossFork(std::mutex& mutex) : mutex_(mutex) {
  static const int error = pthread_atfork(hold_all, free_all, free_all);
  if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_atfork");
  const std::lock_guard lock(registered().mutex);
  registered().all.push_back(&mutex_);
}

HeldAcrossFork::~HeldAcrossFork() {
  const std::lock_guard lock(registered().mutex);
  std::erase(registered().all, &mutex_);
}

}  // namespace melstream::capi
