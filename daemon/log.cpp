// spdlog's asynchronous logger is the ring and the thread; lines are made before, and written with write(2), which says
// what it did. The only file that includes spdlog.
#include "daemon/log.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include "melstream/core/clock.hpp"

#include "daemon/log_format.hpp"
#include "daemon/log_limiter.hpp"

namespace melstream::daemon {
namespace {

constexpr std::size_t kRingLines = 1024;
constexpr int kWriteTimeoutMs = 1'000;

/// What writing has come to. Shared, since a thread that hangs in write(2) is left behind with it.
struct Counts {
  // Writer: ms-log; readers: any. Counts of their own.
  std::atomic<std::int64_t> n_handled{0};  ///< lines that were taken from the ring
  std::atomic<std::int64_t> n_failed{0};   ///< of these: could not be written
};

/// Thread: ms-log.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  DescriptorSink(int descriptor, LogFormat format, std::shared_ptr<Counts> counts,
                 std::function<std::int64_t()> n_overrun)
      : descriptor_(descriptor), format_(format), counts_(std::move(counts)), n_overrun_(std::move(n_overrun)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    tell_lost();
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    if (!write_line(line)) counts_->n_failed.fetch_add(1, std::memory_order_relaxed);
    counts_->n_handled.fetch_add(1, std::memory_order_release);
  }
  void flush_() override {}

 private:
  /// One line once lines go through again.
  void tell_lost() {
    const std::int64_t n_lost = n_overrun_() + counts_->n_failed.load(std::memory_order_relaxed);
    if (n_lost == n_told_) return;
    const std::string event = format_event(format_, "log_dropped", {{"lines", n_lost - n_told_}});
    std::string line = format_line(format_, clock_.wall_ns(), LogLevel::kWarning, event) + "\n";
    if (is_torn_) line.insert(line.begin(), '\n');
    if (!write_line(line)) return;
    is_torn_ = false;
    n_told_ = n_lost;
  }
  bool write_line(std::string_view line) {
    const std::size_t n_bytes = line.size();
    while (!line.empty()) {
      const ssize_t n = write(descriptor_, line.data(), line.size());
      if (n > 0) {
        line.remove_prefix(static_cast<std::size_t>(n));
      } else if (n < 0 && errno == EAGAIN) {  // somebody else has made the terminal non-blocking
        pollfd ready{descriptor_, POLLOUT, 0};
        if (poll(&ready, 1, kWriteTimeoutMs) <= 0) break;
      } else if (n == 0 || errno != EINTR) {
        break;
      }
    }
    is_torn_ = is_torn_ || (!line.empty() && line.size() < n_bytes);
    return line.empty();
  }

  const int descriptor_;
  const LogFormat format_;
  const std::shared_ptr<Counts> counts_;
  const std::function<std::int64_t()> n_overrun_;
  const core::SystemClock clock_{};
  std::int64_t n_told_ = 0;
  bool is_torn_ = false;  ///< the last line ends in its middle
};

/// Signals are the main thread's: a thread that is made before they are blocked everywhere takes none.
std::shared_ptr<spdlog::details::thread_pool> make_pool() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  auto pool = std::make_shared<spdlog::details::thread_pool>(kRingLines, 1,
                                                             [] { pthread_setname_np(pthread_self(), "ms-log"); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pool;
}

}  // namespace

class Log::Writer {
 public:
  Writer(LogFormat format, int descriptor)
      : counts_(std::make_shared<Counts>()),
        pool_(make_pool()),
        logger_(std::make_shared<spdlog::async_logger>(
            "melstreamd",
            std::make_shared<DescriptorSink>(
                descriptor, format, counts_,
                [pool = pool_.get()] { return static_cast<std::int64_t>(pool->overrun_counter()); }),
            pool_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (flush(std::chrono::seconds(1))) return;
    // The thread hangs in write(2), and joining it would hang too: the process is about to end.
    new (std::nothrow) std::shared_ptr<spdlog::details::thread_pool>(pool_);
    new (std::nothrow) std::shared_ptr<spdlog::async_logger>(logger_);
  }

  void put(const std::string& line) {
    n_put_.fetch_add(1, std::memory_order_relaxed);
    logger_->log(spdlog::level::info, spdlog::string_view_t(line));
  }
  bool flush(std::chrono::milliseconds at_most) const {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (counts_->n_handled.load(std::memory_order_acquire) + n_overrun() < n_put_.load(std::memory_order_relaxed)) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  std::int64_t n_dropped() const { return n_overrun() + counts_->n_failed.load(std::memory_order_relaxed); }

 private:
  std::int64_t n_overrun() const { return static_cast<std::int64_t>(pool_->overrun_counter()); }

  const std::shared_ptr<Counts> counts_;
  const std::shared_ptr<spdlog::details::thread_pool> pool_;
  const std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<std::int64_t> n_put_{0};  // writers: those who log; readers: any
};

struct Log::Limits {
  const core::SystemClock clock{};
  std::mutex mutex;  // protects limiter
  LogLimiter limiter;
};

Log::Log(LogLevel level, LogFormat format, int descriptor)
    : format_(for_descriptor(format, descriptor)),
      level_(level),
      limits_(std::make_unique<Limits>()),
      writer_(std::make_unique<Writer>(format_, descriptor)) {}

Log::~Log() { tell_suppressed(); }

void Log::put(LogLevel level, std::string_view name, std::span<const LogField> fields) const {
  writer_->put(format_line(format_, limits_->clock.wall_ns(), level, format_event(format_, name, fields)));
}

void Log::event(LogLevel level, std::string_view event, std::span<const LogField> fields) const noexcept {
  if (!enabled(level)) return;
  n_messages_[static_cast<std::size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  try {
    {
      const std::lock_guard lock(limits_->mutex);
      if (!limits_->limiter.admit(event, limits_->clock.mono_ns())) return;
    }
    put(level, event, fields);
  } catch (const std::exception&) {
    // Out of memory: a lost line is better than a lost daemon.
  }
}

void Log::record(LogLevel level, std::string_view name, std::initializer_list<LogField> fields) const noexcept {
  if (!enabled(level)) return;
  n_messages_[static_cast<std::size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  try {
    put(level, name, std::span(fields.begin(), fields.size()));
  } catch (const std::exception&) {
    // As above.
  }
}

void Log::tell_suppressed() const noexcept {
  try {
    std::vector<LogLimiter::Suppressed> all;
    {
      const std::lock_guard lock(limits_->mutex);
      all = limits_->limiter.take_suppressed(limits_->clock.mono_ns());
    }
    for (const LogLimiter::Suppressed& one : all) {
      const LogField fields[] = {{"of", one.name}, {"suppressed", one.n}};
      put(LogLevel::kWarning, "log_suppressed", fields);
    }
  } catch (const std::exception&) {
    // As above.
  }
}

void Log::flush(std::chrono::milliseconds at_most) const noexcept { writer_->flush(at_most); }

std::int64_t Log::n_dropped() const noexcept { return writer_->n_dropped(); }

std::string_view name_of(LogLevel level) noexcept {
  constexpr std::array<std::string_view, kNLogLevels> kNames{"debug", "info", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

LogLevel parse_log_level(std::string_view word) noexcept {
  if (word == "debug") return LogLevel::kDebug;
  if (word == "warning") return LogLevel::kWarning;
  if (word == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

LogFormat parse_log_format(std::string_view word) noexcept {
  return word == "json" ? LogFormat::kJson : LogFormat::kHuman;
}

LogFormat for_descriptor(LogFormat format, int descriptor) noexcept {
  const char* const variable = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (format != LogFormat::kHuman || variable == nullptr || fstat(descriptor, &info) != 0) return format;
  unsigned long long device = 0;
  unsigned long long inode = 0;
  const bool is_pair = std::sscanf(variable, "%llu:%llu", &device, &inode) == 2;
  return is_pair && device == info.st_dev && inode == info.st_ino ? LogFormat::kJournal : format;
}

void secure_standard_descriptors() noexcept {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is taken, so it is the missing one.
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) static_cast<void>(!open("/dev/null", O_RDWR));
  }
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace melstream::daemon
