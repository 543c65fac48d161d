# The Debian package (`scripts/package` makes it, preset package): one package `melstream`, and `melstream-cuda` where the plugin is
# built. Without a revision: the package is made where the program is.
set(melstream_debian ${PROJECT_SOURCE_DIR}/packaging/debian)
string(TIMESTAMP melstream_date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH, if it is set
configure_file(${melstream_debian}/changelog.in ${CMAKE_CURRENT_BINARY_DIR}/changelog @ONLY)
execute_process(COMMAND gzip -9nkf ${CMAKE_CURRENT_BINARY_DIR}/changelog COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)  # the config is below /etc, not below the prefix
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGE_NAME melstream)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "melstream maintainers <maintainers@melstream.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "exact log-mel features of live audio for speech recognition")
set(CPACK_PACKAGE_DESCRIPTION
"A daemon that takes live audio from microphones, the network and files,
computes the features that speech recognition models (Whisper, Zipformer,
Paraformer, Parakeet, Kaldi and others) were trained on, once and
incrementally, and streams them to any number of subscribers over gRPC.
.
This package has the daemon melstreamd, its client melstream and units for
systemd.")
set(CPACK_COMPONENTS_ALL melstream)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION sound)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_MELSTREAM_PACKAGE_NAME melstream)
set(CPACK_DEBIAN_MELSTREAM_DESCRIPTION ${CPACK_PACKAGE_DESCRIPTION})
set(CPACK_DEBIAN_MELSTREAM_PACKAGE_DEPENDS "init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_MELSTREAM_PACKAGE_CONTROL_EXTRA
  ${melstream_debian}/conffiles ${melstream_debian}/postinst ${melstream_debian}/prerm ${melstream_debian}/postrm)
if(MELSTREAM_HAS_CUDA)
  list(APPEND CPACK_COMPONENTS_ALL cuda)
  set(CPACK_DEBIAN_CUDA_PACKAGE_NAME melstream-cuda)
  # The two are of one build. NVIDIA's libraries come from packages of NVIDIA's, whose names differ by release.
  set(CPACK_DEBIAN_CUDA_PACKAGE_SHLIBDEPS OFF)
  set(CPACK_DEBIAN_CUDA_PACKAGE_DEPENDS "melstream (= ${PROJECT_VERSION}), libc6")
  set(CPACK_COMPONENT_CUDA_DESCRIPTION "The CUDA engine of melstream. It needs cuFFT of CUDA ${CUDAToolkit_VERSION_MAJOR} and NVIDIA's driver.")
endif()
include(CPack)
