// What the command line of wire_bench says.
#pragma once

#include <string>

namespace melstream::bench {

struct WireOptions {
  std::string name = "all";  ///< of the case
  int n_streams = 0;         ///< 0: the case's own number
  double seconds = 10;
  double warm_up_s = 2;  ///< histories take their memory in the first 30 s of a stream
  std::string front_end = "whisper-80";
  int block_frames = 4;
  int n_connections = 16;         ///< that subscribers share, where they share
  int repeat = 1;                 ///< of each measurement
  std::string server = "both";    ///< real, null, or both
  std::string transport = "tcp";  ///< or unix
  bool json = false;
  bool threads = false;
};

}  // namespace melstream::bench
