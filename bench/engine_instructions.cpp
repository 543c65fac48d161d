// Computes a given number of ticks of one front end, for scripts/bench-instructions to count: the difference of two
// runs leaves out what happens once. Prints the rows of a tick.
//
//   engine_instructions FRONT_END TICKS [SIMD]
#include <exception>
#include <iostream>
#include <string>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "bench/tick_source.hpp"

int main(int n_arguments, char** arguments) {
  if (n_arguments < 3) {
    std::cerr << "usage: engine_instructions FRONT_END TICKS [SIMD]\n";
    return 64;
  }
  constexpr int kStreams = 64;
  constexpr int kRows = 10;
  try {
    melstream::engine::cpu::Options options;
    if (n_arguments > 3) options.simd = arguments[3];
    const auto instance = melstream::engine::cpu::make_engine(options);
    melstream::bench::TickSource source(*instance.engine, arguments[1], melstream::engine::Smoothing::kNone, kStreams,
                                        kRows);
    for (int n_ticks = std::stoi(arguments[2]); n_ticks > 0; --n_ticks) source.run_one();
    std::cout << source.rows_per_tick() << ' ' << instance.info.target << ' ' << source.sum_of_maxima() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "engine_instructions: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
