# What every target of ours has in common: warnings as errors, sanitizers, include root.
add_library(tenet-options INTERFACE)
target_include_directories(tenet-options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(tenet-options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(TENET_SANITIZE)
  target_compile_options(tenet-options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tenet-options INTERFACE -fsanitize=address,undefined)
  # The bounds of vectors and strings.
  target_compile_definitions(tenet-options INTERFACE _GLIBCXX_ASSERTIONS)
endif()

# tenet_library(NAME SOURCES... LINK libraries... LINK_PRIVATE libraries...)
function(tenet_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LINK_PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC tenet-options ${ARG_LINK} PRIVATE ${ARG_LINK_PRIVATE})
  if(TENET_FUZZ_COVERAGE)
    # libFuzzer's targets see which branches of it an input takes.
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# tenet_program(NAME SOURCES... LINK libraries...)
function(tenet_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE tenet-options ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
