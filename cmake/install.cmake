# What goes where on a system.
include(GNUInstallDirs)
install(TARGETS picket RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY config/schemas config/errors config/prometheus
  DESTINATION ${CMAKE_INSTALL_DATADIR}/picket)
install(DIRECTORY rules/packs DESTINATION ${CMAKE_INSTALL_DATADIR}/picket)
install(FILES config/picket.yaml DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/picket)
install(FILES config/systemd/picket.service DESTINATION lib/systemd/system)
