#include "melstream/core/labels.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

TEST(ValidateLabels, TakesSoManyOfSuchALength) {
  std::map<std::string, std::string> labels{{"room", ""}, {std::string(256, 'k'), std::string(256, 'v')}};
  EXPECT_NO_THROW(validate_labels(labels));
  EXPECT_THROW(validate_labels({{"", "x"}}), Error);
  EXPECT_THROW(validate_labels({{std::string(257, 'k'), "x"}}), Error);
  EXPECT_THROW(validate_labels({{"k", std::string(257, 'v')}}), Error);
  for (int i = 0; i < 31; ++i) labels.emplace(std::to_string(i), "x");
  EXPECT_THROW(validate_labels(labels), Error);
}

}  // namespace
}  // namespace melstream::core
