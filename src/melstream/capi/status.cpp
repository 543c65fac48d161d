#include "melstream/capi/status.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <string_view>

#include "melstream/core/error.hpp"

namespace melstream::capi {
namespace {

/// The most bytes up to n that do not end within a character of UTF-8.
std::size_t whole_characters(std::string_view text, std::size_t n) noexcept {
  if (n >= text.size()) return text.size();
  while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
  return n;
}

/// Fixed memory: the message of a failed allocation must have a place as well.
struct LastError {
  std::array<char, 1024> message{};
  std::array<char, 128> field{};
};

thread_local LastError last_error;

template <std::size_t N>
void keep(std::array<char, N>& to, std::string_view text) noexcept {
  const std::size_t n = whole_characters(text, N - 1);
  std::copy_n(text.data(), n, to.data());
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
