#include "melstream/audio/net/tcp_preface.hpp"

#include <array>

#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

constexpr std::array<std::string_view, 9> kHttpMethods = {"GET ",     "HEAD ",    "POST ",  "PUT ",  "DELETE ",
                                                          "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "};

[[noreturn]] void refuse(const std::string& what) {
  throw core::Error(core::ErrorCode::kInvalidArgument, what + std::string(kPcmHeaderExample));
}

}  // namespace

TcpPreface::~TcpPreface() { explicit_bzero(text_.data(), text_.size()); }

std::size_t TcpPreface::take(std::span<const std::byte> bytes) {
  std::size_t n = 0;
  while (state_ == State::kOpen && n < bytes.size()) decide(static_cast<char>(bytes[n++]));
  return n;
}

void TcpPreface::decide(char next) {
  if (is_object_ && next == '\n') {
    state_ = State::kHeader;
    return;
  }
  if (text_.size() == 1) text_.reserve(kMaxPcmHeaderBytes);  // once, so that no copies are left behind
  text_ += next;
  if (text_.front() != '{' || mode_ == HeaderMode::kNone) {
    decide_without_header();
  } else if (!is_object_ && text_.size() > 1) {
    const bool is_white = next == ' ' || next == '\t' || next == '\r' || next == '\n';
    is_object_ = next == '"' || next == '}';
    if (!is_object_ && !is_white) {
      if (mode_ == HeaderMode::kRequired) refuse("the header is no JSON object; begin with a line such as ");
      state_ = State::kPcm;
    }
  }
  if (state_ == State::kOpen && text_.size() >= kMaxPcmHeaderBytes) {
    refuse("header of more than " + std::to_string(kMaxPcmHeaderBytes) +
           " bytes without an end of line (if this is PCM, say header=none in the source's URI); a right one: ");
  }
}

void TcpPreface::decide_without_header() {
  if (mode_ == HeaderMode::kRequired) refuse("no header (this source has header=required); begin with a line such as ");
  bool may_be_request = false;
  for (const std::string_view method : kHttpMethods) {
    if (text_ == method) {
      refuse(
          "an HTTP request, not PCM: web pages send audio to a ws:// source that allows their origin; other senders "
          "may "
          "begin with ");
    }
    may_be_request = may_be_request || method.substr(0, text_.size()) == text_;
  }
  if (!may_be_request) state_ = State::kPcm;
}

void TcpPreface::take_end() {
  if (state_ != State::kOpen || text_.empty()) return;
  if (is_object_ || mode_ == HeaderMode::kRequired) {
    refuse("the connection ended inside its header, before the end of line; a right one: ");
  }
  state_ = State::kPcm;
}

}  // namespace melstream::audio
