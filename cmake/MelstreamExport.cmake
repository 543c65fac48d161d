# The engine for programs of others: find_package(melstream) with target melstream::c, the C ABI, or melstream::engine_cpu, its C++
# inside, which changes with every version; and pkg-config melstream-engine. Of the component "devel", which packages of the daemon
# leave out.
include(CMakePackageConfigHelpers)

set_target_properties(melstream_c PROPERTIES EXPORT_NAME c)
set(melstream_devel melstream_core melstream_engine melstream_engine_cpu melstream_flags)
foreach(target core engine engine_cpu flags)
  set_target_properties(melstream_${target} PROPERTIES EXPORT_NAME ${target})
endforeach()
install(TARGETS ${melstream_devel} EXPORT melstreamTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT devel
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT devel)
install(TARGETS melstream_c EXPORT melstreamCTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT devel NAMELINK_COMPONENT devel
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT devel)
# The prefix is known when it is installed (cmake --install --prefix).
install(CODE "
  set(CMAKE_INSTALL_FULL_LIBDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}\")
  set(CMAKE_INSTALL_FULL_INCLUDEDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  configure_file(\"${PROJECT_SOURCE_DIR}/cmake/melstream-engine.pc.in\"
                 \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/melstream-engine.pc\" @ONLY)
" COMPONENT devel)
set(melstream_config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/melstream)
install(EXPORT melstreamCTargets NAMESPACE melstream:: DESTINATION ${melstream_config_folder} COMPONENT devel)
install(EXPORT melstreamTargets NAMESPACE melstream:: DESTINATION ${melstream_config_folder} COMPONENT devel)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/melstreamConfig.cmake.in ${PROJECT_BINARY_DIR}/melstreamConfig.cmake
                              INSTALL_DESTINATION ${melstream_config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/melstreamConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/melstreamConfig.cmake ${PROJECT_BINARY_DIR}/melstreamConfigVersion.cmake
        DESTINATION ${melstream_config_folder} COMPONENT devel)
