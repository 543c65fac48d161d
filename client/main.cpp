// melstream: the command-line client.
#include <cstdio>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include "client/command_line.hpp"

namespace {

/// With one of them closed, a socket of ours would get its number and be read as input or written as output.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) open("/dev/null", O_RDWR);  // the lowest free number: this one
  }
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  const int exit_code = melstream::client::run_command_line(argc, argv);
  std::cout.flush();
  std::fflush(nullptr);
  // Without exit handlers: gRPC's threads still run (connection.cpp).
  _exit(exit_code);
}
