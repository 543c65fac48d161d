// Expects a ClientError with an exit code and words in its message.
#pragma once

#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "client/exit_codes.hpp"

namespace melstream::client {

template <typename Function>
void expect_error(ExitCode code, std::initializer_list<const char*> words, Function function) {
  try {
    function();
  } catch (const ClientError& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const char* word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
          << "'" << word << "' is not in: " << error.what();
    }
    return;
  }
  ADD_FAILURE() << "nothing was thrown";
}

}  // namespace melstream::client
