# Options, compiler flags and tools that every target shares.
option(MELSTREAM_DAEMON "Build the daemon, the client and what they need (gRPC, Boost, soxr, ...)" ON)
option(MELSTREAM_TESTS "Build the tests" ON)
option(MELSTREAM_BENCH "Build the benchmarks" OFF)
option(MELSTREAM_GPU_CHECK "Build what scripts/gpu-check runs" ${MELSTREAM_TESTS})
option(MELSTREAM_FUZZER "Build the libFuzzer programs of tests/fuzz (needs clang)" OFF)
option(MELSTREAM_WERROR "Treat warnings as errors" OFF)
set(MELSTREAM_SIMD "highway" CACHE STRING "Vector code of the CPU engine: highway (run-time dispatch) or scalar (no dependency)")
set_property(CACHE MELSTREAM_SIMD PROPERTY STRINGS highway scalar)
set(MELSTREAM_SANITIZER "none" CACHE STRING "none, address (with undefined and leak) or thread")
set_property(CACHE MELSTREAM_SANITIZER PROPERTY STRINGS none address thread)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(MELSTREAM_CCACHE ccache)
if(MELSTREAM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MELSTREAM_CCACHE})
endif()

add_library(melstream_flags INTERFACE)
# No contraction: a row's bits must not depend on where the compiler fuses (docs/numerics.md).
target_compile_options(melstream_flags INTERFACE -ffp-contract=off -Wall -Wextra -Wshadow -Wnon-virtual-dtor -fstack-protector-strong
  -Wno-missing-field-initializers)  # a designated initializer leaves the rest at its defaults
if(MELSTREAM_WERROR)
  target_compile_options(melstream_flags INTERFACE -Werror)
endif()
if(MELSTREAM_SANITIZER STREQUAL "address")
  target_compile_options(melstream_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(melstream_flags INTERFACE -fsanitize=address,undefined)
elseif(MELSTREAM_SANITIZER STREQUAL "thread")
  target_compile_options(melstream_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(melstream_flags INTERFACE -fsanitize=thread)
endif()

# What is shipped is hardened, generated code as well: bounds are checked where the size is known, the stack is probed, the
# program is at a random place, and its tables of functions are read-only. tests/packaging checks the outcome.
if(MELSTREAM_SANITIZER STREQUAL "none")
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
  add_compile_options($<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-U_FORTIFY_SOURCE$<SEMICOLON>-D_FORTIFY_SOURCE=3$<SEMICOLON>-fstack-protector-strong$<SEMICOLON>-fstack-clash-protection>)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i.86")
    add_compile_options($<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-fcf-protection=full>)
  endif()
  add_link_options(-Wl,-z,relro,-z,now)
endif()

if(MELSTREAM_FUZZER)
  target_compile_options(melstream_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
