// How a user names a daemon, and shows who they are. Values of the command line or the environment.
#pragma once

#include <string>

namespace melstream::client {

struct ServerOption {
  std::string address;      ///< unix:PATH, HOST:PORT or tls:HOST:PORT; empty: look for one
  std::string token_file;   ///< its first line is a bearer token; empty: none
  std::string ca;           ///< PEM file: roots that sign the daemon's certificate; empty: those of the system
  std::string certificate;  ///< PEM file of ours, with its key; empty: none
  std::string key;
};

}  // namespace melstream::client
