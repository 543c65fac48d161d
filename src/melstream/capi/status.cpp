#include "melstream/capi/status.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <string_view>

#include "melstream/core/error.hpp"

namespace melstream::capi {
namespace {

/// Bytes of the character that `text` begins with; 0 if that is a control character or no UTF-8 (RFC 3629 section 4).
std::size_t character_size(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return first >= 0x20U && first != 0x7FU ? 1 : 0;
  if (first < 0xC2U || first > 0xF4U) return 0;
  const std::size_t size = first < 0xE0U ? 2 : first < 0xF0U ? 3 : 4;
  const unsigned low = first == 0xE0U ? 0xA0U : first == 0xF0U ? 0x90U : 0x80U;
  const unsigned high = first == 0xEDU ? 0x9FU : first == 0xF4U ? 0x8FU : 0xBFU;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  return size;
}

/// Fixed memory: the message of a failed allocation must have a place as well.
struct LastError {
  std::array<char, 1024> message{};
  std::array<char, 128> field{};
};

thread_local LastError last_error;

/// One line of UTF-8, whatever names of callers are quoted in it; cut between characters.
template <std::size_t N>
void keep(std::array<char, N>& to, std::string_view text) noexcept {
  std::size_t n = 0;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const std::string_view shown = size > 0 ? text.substr(0, size) : "?";
    if (n + shown.size() >= N) break;
    n += shown.copy(to.data() + n, shown.size());
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  to[n] = '\0';
}

melstream_status keep_error(melstream_status status, std::string_view message, std::string_view field = {}) noexcept {
  keep(last_error.message, message);
  keep(last_error.field, field);
  return status;
}

melstream_status status_of(core::ErrorCode code) noexcept {
  switch (code) {
    case core::ErrorCode::kInvalidArgument:
    case core::ErrorCode::kAlreadyExists:
      return MELSTREAM_INVALID_ARGUMENT;
    case core::ErrorCode::kNotFound:
      return MELSTREAM_NOT_FOUND;
    case core::ErrorCode::kFailedPrecondition:
      return MELSTREAM_FAILED_PRECONDITION;
    case core::ErrorCode::kOutOfRange:
      return MELSTREAM_OUT_OF_RANGE;
    case core::ErrorCode::kUnavailable:
      return MELSTREAM_UNAVAILABLE;
    case core::ErrorCode::kResourceExhausted:
      return MELSTREAM_OUT_OF_MEMORY;
    case core::ErrorCode::kUnauthenticated:
    case core::ErrorCode::kPermissionDenied:
    case core::ErrorCode::kInternal:
      break;
  }
  return MELSTREAM_INTERNAL;
}

}  // namespace

melstream_status status_of_exception() noexcept {
  try {
    throw;
  } catch (const core::Error& error) {
    return keep_error(status_of(error.code()), error.what(), error.field());
  } catch (const std::bad_alloc&) {
    return keep_error(MELSTREAM_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return keep_error(MELSTREAM_INTERNAL, error.what());
  } catch (...) {
    return keep_error(MELSTREAM_INTERNAL, "an unknown exception");
  }
}

void refuse(const std::string& argument, const std::string& what) {
  throw core::Error(core::ErrorCode::kInvalidArgument, argument + ": " + what, argument);
}

void require(const void* pointer, const char* argument) {
  if (pointer == nullptr) refuse(argument, "is null");
}

const char* last_message() noexcept { return last_error.message.data(); }
const char* last_field() noexcept { return last_error.field.data(); }

}  // namespace melstream::capi
