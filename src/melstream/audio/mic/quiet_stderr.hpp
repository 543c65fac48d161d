// Keeps the chatter of sound libraries out of the daemon's log: PortAudio, JACK and libpulse print to stderr as they
// like, from threads of their own, and offer no way to stop it.
#pragma once

namespace melstream::audio {

/// Replaces the C library's variable `stderr` by a stream that passes everything on to descriptor 2 at once, but for
/// what threads write that are inside a QuietScope or called quieten_this_thread(), and for PortAudio's "Expression ...
/// failed" lines. The descriptor is left alone, so logs, std::cerr and other threads are heard as before. Process-wide,
/// for good; idempotent. No effect without glibc.
void quieten_sound_libraries();

/// For threads that are not ours: what this thread prints to `stderr` from now on is dropped. Wait-free.
void quieten_this_thread() noexcept;

/// What this thread prints to `stderr` while it lives is dropped.
class QuietScope {
 public:
  QuietScope() noexcept;
  QuietScope(const QuietScope&) = delete;
  QuietScope& operator=(const QuietScope&) = delete;
  ~QuietScope();

 private:
  bool before_;
};

}  // namespace melstream::audio
