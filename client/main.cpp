// melstream: the command-line client.
#include "client/command_line.hpp"

int main(int argc, char** argv) { return melstream::client::run_command_line(argc, argv); }
