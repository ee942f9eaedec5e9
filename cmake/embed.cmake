# Compiles files into the binary: config/picket.yaml is the default configuration of `picket run`.
function(picket_embed target symbol file)
  set(output ${CMAKE_BINARY_DIR}/embedded/${symbol}.cc)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} content)
  string(LENGTH "${content}" length)
  file(WRITE ${output}.new
    "#include <string_view>\nnamespace picket {\nextern const std::string_view ${symbol};\n"
    "const std::string_view ${symbol} = R\"EMBED(${content})EMBED\";\n}  // namespace picket\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${output}.new ${output})
  target_sources(${target} PRIVATE ${output})
endfunction()

picket_embed(picket_daemon kDefaultConfig ${CMAKE_SOURCE_DIR}/config/picket.yaml)
