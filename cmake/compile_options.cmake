# One interface target carries every flag of ours, so that third-party code is never built with it.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(yett_options INTERFACE)
target_include_directories(yett_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(yett_options INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(yett_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wno-missing-field-initializers
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
  -fstack-protector-strong -fstack-clash-protection -fcf-protection
  $<$<BOOL:${YETT_WERROR}>:-Werror>)
target_link_options(yett_options INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1)
# -Wnon-virtual-dtor is for C++ only.
get_target_property(_options yett_options INTERFACE_COMPILE_OPTIONS)
list(TRANSFORM _options REPLACE "^-Wnon-virtual-dtor$" "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>")
set_target_properties(yett_options PROPERTIES INTERFACE_COMPILE_OPTIONS "${_options}")

if(YETT_SANITIZE)
  # A finding ends the program, so that no test passes over it. The instrumented code makes gcc see
  # uninitialised uses that are none.
  target_compile_options(yett_options INTERFACE -fsanitize=${YETT_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(yett_options INTERFACE -fsanitize=${YETT_SANITIZE})
  set(YETT_STATIC OFF)  # sanitizer run-times cannot be linked into a static program
else()
  target_compile_options(yett_options INTERFACE $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
