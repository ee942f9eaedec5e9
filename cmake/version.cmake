# The commit that a build was made from, as seen when it was configured: one source file gets it, so
# that a new commit recompiles nothing else.
set(PICKET_COMMIT "unknown")
find_program(GIT git)
if(GIT)
  execute_process(COMMAND ${GIT} describe --always --dirty --tags --abbrev=12
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE described RESULT_VARIABLE status
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(status EQUAL 0 AND described)
    set(PICKET_COMMIT ${described})
  endif()
  # The log of HEAD grows with every commit and checkout; then the answer must be asked for anew.
  execute_process(COMMAND ${GIT} rev-parse --git-path logs/HEAD
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE head_log RESULT_VARIABLE status
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  get_filename_component(head_log "${head_log}" ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
  if(status EQUAL 0 AND EXISTS ${head_log} AND NOT IS_DIRECTORY ${head_log})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${head_log})
  endif()
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/daemon/build_info.cc PROPERTIES
  COMPILE_DEFINITIONS "PICKET_COMMIT=\"${PICKET_COMMIT}\"")
