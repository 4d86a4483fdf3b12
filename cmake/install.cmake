# What an installation has, and where: programs, units, and what operators and implementers read.
include(GNUInstallDirs)

install(TARGETS tenet-server-agent tenet-device-agent DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS tenetctl DESTINATION ${CMAKE_INSTALL_BINDIR})

# The units are written when they are installed: only then is the prefix known.
install(CODE "
  set(TENET_SBINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}\")
  foreach(unit tenet-server-agent.service tenet-device-agent.service)
    configure_file(\"${PROJECT_SOURCE_DIR}/deploy/systemd/\${unit}.in\"
                   \"${PROJECT_BINARY_DIR}/systemd/\${unit}\" @ONLY)
  endforeach()")
# Not CMAKE_INSTALL_LIBDIR, which may name an architecture: systemd does not look there.
install(FILES
  ${PROJECT_BINARY_DIR}/systemd/tenet-server-agent.service
  ${PROJECT_BINARY_DIR}/systemd/tenet-device-agent.service
  DESTINATION lib/systemd/system)

install(FILES schemas/tenet-policy-1.xsd DESTINATION ${CMAKE_INSTALL_DATADIR}/tenet/schemas)
install(FILES README.md CHANGELOG.md LICENSE schemas/PROTOCOL.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY deploy/broker DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY schemas/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/messages)

# Manual pages, by section: deploy/man/tenetctl.1.
file(GLOB manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/deploy/man/*.[1-9])
foreach(page ${manuals})
  cmake_path(GET page EXTENSION LAST_ONLY section)
  string(SUBSTRING ${section} 1 1 section)
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
