#include "melstream/audio/mic/microphones.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "melstream/audio/mic/device_probe.hpp"
#include "melstream/audio/mic/mic.hpp"
#include "melstream/audio/mic/mic_control.hpp"
#include "melstream/audio/mic/portaudio_backend.hpp"

namespace melstream::audio {
namespace {

constexpr std::chrono::milliseconds kCapturePeriod{5};
constexpr std::chrono::milliseconds kIdlePeriod{50};
constexpr std::chrono::seconds kControlPatience{2};

}  // namespace

/// ms-mic, and whether it still runs. Shared with the thread, which may be left.
struct Microphones::ControlThread {
  std::mutex mutex;
  std::condition_variable ended;
  bool has_ended = false;
  std::thread thread;
};

Microphones::Microphones(BackendFactory make_backend, DeviceProbe probe, const core::Clock& clock, Threads threads)
    : threads_(threads), control_(std::make_shared<MicControl>(std::move(make_backend), std::move(probe), clock)) {}

Microphones::~Microphones() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  if (capture_thread_.joinable()) capture_thread_.join();
  control_->stop();
  if (!control_thread_) return;
  std::unique_lock lock(control_thread_->mutex);
  const bool ended =
      control_thread_->ended.wait_for(lock, kControlPatience, [this] { return control_thread_->has_ended; });
  lock.unlock();
  if (ended) {
    control_thread_->thread.join();
  } else {
    control_thread_->thread.detach();
  }
}

std::vector<core::AudioDevice> Microphones::devices() const { return control_->probe(); }

void Microphones::add(std::shared_ptr<Mic> mic) {
  const std::lock_guard lock(mutex_);
  mics_.push_back(std::move(mic));
  changed_ = true;
  if (threads_ == Threads::kOwn && !control_thread_) start_threads();
}

void Microphones::remove(const std::shared_ptr<Mic>& mic) {
  const std::lock_guard lock(mutex_);
  std::erase(mics_, mic);
  changed_ = true;
}

void Microphones::start_threads() {
  control_thread_ = std::make_shared<ControlThread>();
  control_thread_->thread = std::thread([control = control_, state = control_thread_] {
    pthread_setname_np(pthread_self(), "ms-mic");
    control->run();
    const std::lock_guard lock(state->mutex);
    state->has_ended = true;
    state->ended.notify_all();
  });
  capture_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "ms-capture");
    run_capture();
  });
}

void Microphones::run_capture() {
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    const auto period = capture_pass() ? kCapturePeriod : kIdlePeriod;
    next = std::max(next + period, std::chrono::steady_clock::now());
    std::this_thread::sleep_until(next);
  }
}

bool Microphones::capture_pass() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(changed_, false)) passing_ = mics_;
  }
  bool busy = false;
  for (const auto& mic : passing_) busy = mic->pass() || busy;
  n_passes_.fetch_add(1, std::memory_order_relaxed);
  return busy;
}

bool Microphones::runs() const {
  const std::lock_guard lock(mutex_);
  return control_thread_ != nullptr && !stopped_;
}

std::unique_ptr<Microphones> make_portaudio_microphones(std::vector<std::string> probe_command,
                                                        const core::Clock& clock) {
  return std::make_unique<Microphones>([&clock] { return make_portaudio_backend(clock); },
                                       make_device_probe(std::move(probe_command)), clock);
}

void run_portaudio_probe() {
  const core::SystemClock clock;
  const auto backend = make_portaudio_backend(clock);
  const int status = run_device_probe(*backend);
  // Neither PortAudio's end nor what libraries do at exit matters any more, and either may hang.
  _exit(status);
}

}  // namespace melstream::audio
