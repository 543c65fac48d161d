// What a page sends to the live page: the first byte chooses a command, the beginning of a microphone, or its audio.
// The rest is also asked for as a request.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "melstream/core/error.hpp"

#include "daemon/page/page_admission.hpp"
#include "daemon/page/page_protocol.hpp"

namespace page = melstream::page;

namespace {

void parse(unsigned choice, std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (choice == 0) {
    const auto command = page::parse_feature_command(text);
    const auto* const wanted = std::get_if<page::SubscribeCommand>(&command);
    if (wanted != nullptr && (wanted->slot >= page::kSlots || wanted->stream.empty())) __builtin_trap();
  } else if (choice == 1) {
    if (page::parse_microphone_start(text).key.size() != 32) __builtin_trap();
  } else {
    const page::AudioPiece piece = page::parse_audio(std::as_bytes(bytes));
    if (piece.first_sample < 0 || piece.samples.size() % sizeof(float) != 0) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes = std::span(data, size).subspan(1);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  try {
    parse(data[0] % 3U, bytes);
  } catch (const melstream::core::Error&) {
  }
  static const page::PageAdmission admission("127.0.0.1", "token");
  const bool may = !admission.refuse({.target = text,
                                      .host = text,
                                      .origin = text,
                                      .local_host = "127.0.0.1",
                                      .local_port = 80,
                                      .is_websocket = true});
  if (may) __builtin_trap();  // one text is never all of them
  return 0;
}
