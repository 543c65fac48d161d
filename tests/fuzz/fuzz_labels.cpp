// Label expressions come from any client that chooses streams.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "melstream/core/error.hpp"
#include "melstream/core/label_expression.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const melstream::core::LabelExpression expression({reinterpret_cast<const char*>(data), size});
    static_cast<void>(expression.matches({}));
    static_cast<void>(expression.matches({{"room", "kitchen"}, {"floor", "1"}, {"agent", ""}}));
    // What was taken is taken again, from its own text.
    if (melstream::core::LabelExpression(expression.text()).text() != expression.text()) std::abort();
  } catch (const melstream::core::Error& error) {
    if (error.field() != "labels") std::abort();
  }
  return 0;
}
