# Runs on what is staged for a package: lintian is Debian's.
if(CPACK_GENERATOR STREQUAL RPM)
  file(REMOVE_RECURSE ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/lintian)
endif()
