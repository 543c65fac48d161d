// The protocol is part of systemd's stable interface: sd_notify(3), section "Notes".
#include "daemon/service_notice.hpp"

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace melstream::daemon {
namespace {

constexpr std::int64_t kNsPerUs = 1'000;

std::optional<std::int64_t> number_in_environment(const char* name) noexcept {
  const char* const variable = std::getenv(name);
  if (variable == nullptr) return std::nullopt;
  const std::string_view text = variable;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

void notify_service_manager(const std::string& state) noexcept {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // an abstract socket
  const auto n_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  static_cast<void>(sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&address), n_bytes));
  close(fd);
}

void notify_reloading(std::int64_t now_mono_ns) noexcept {
  notify_service_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_mono_ns / kNsPerUs));
}

void notify_stopping(std::int64_t at_most_ns) noexcept {
  notify_service_manager("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(at_most_ns / kNsPerUs));
}

std::optional<std::int64_t> Watchdog::period_from_environment() noexcept {
  const auto usec = number_in_environment("WATCHDOG_USEC");
  if (!usec || *usec <= 0) return std::nullopt;
  if (std::getenv("WATCHDOG_PID") != nullptr && number_in_environment("WATCHDOG_PID") != getpid()) return std::nullopt;
  return *usec * kNsPerUs / 2;
}

void Watchdog::feed(std::int64_t now_mono_ns) noexcept {
  // The main thread looks twice a second at least: what comes due before the next look is sent now.
  constexpr std::int64_t kNextLookNs = 250'000'000;
  if (!period_ns_) return;
  if (fed_mono_ns_ && now_mono_ns - *fed_mono_ns_ + kNextLookNs < *period_ns_) return;
  fed_mono_ns_ = now_mono_ns;
  notify_service_manager("WATCHDOG=1");
}

}  // namespace melstream::daemon
