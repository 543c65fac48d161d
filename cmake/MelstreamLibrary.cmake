# melstream_library(NAME folder SOURCES a.cpp HEADERS a.hpp DEPS public... PRIVATE_DEPS private...)
# One static library per folder of src/melstream. Headers are a file set, so that each is compiled alone
# (target all_verify_interface_header_sets).
function(melstream_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${arg_HEADERS})
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE melstream_flags ${arg_PRIVATE_DEPS})
endfunction()

# melstream_test(NAME SOURCES a_test.cpp DEPS libraries... [LABELS l...]): a GoogleTest binary, one CTest test per TEST().
function(melstream_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE melstream_flags ${arg_DEPS} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${arg_LABELS}")
endfunction()
