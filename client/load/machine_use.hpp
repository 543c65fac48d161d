// Processor time of this process and of this machine. Linux: proc(5).
#pragma once

namespace melstream::client {

struct MachineUse {
  double process_s = 0;  ///< of this process, all threads, since its start
  double busy_s = 0;     ///< of all processors together, since the boot; 0: not known
  double total_s = 0;    ///< the same, idle or not
  int processors = 0;
};

MachineUse machine_use();

}  // namespace melstream::client
