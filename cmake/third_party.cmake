# Third-party parts, all from the distribution (design: static archives where there are any, so that
# `yett` needs nothing at run time). yett_static_library(<target> <archive> [dependency...]) names one.
find_package(Threads REQUIRED)

function(yett_static_library target archive)
  if(YETT_STATIC)
    find_library(${target}_PATH NAMES lib${archive}.a REQUIRED)
  else()
    find_library(${target}_PATH NAMES ${archive} REQUIRED)
  endif()
  # Imported, so that CMake knows what must come behind it on a line of archives.
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${target}_PATH})
  target_link_libraries(${target} INTERFACE ${ARGN})
endfunction()

add_library(third_party_fmt INTERFACE)  # Debian ships no archive of fmt, so its headers are compiled in
target_compile_definitions(third_party_fmt INTERFACE FMT_HEADER_ONLY)
yett_static_library(third_party_z z)
yett_static_library(third_party_elf elf third_party_z)
yett_static_library(third_party_bpf bpf third_party_elf)
yett_static_library(third_party_seccomp seccomp)
yett_static_library(third_party_nettle nettle)
yett_static_library(third_party_bz2 bz2)
yett_static_library(third_party_md md)  # SHA-256 of packages

yett_static_library(third_party_zstd zstd)
yett_static_library(third_party_lzma lzma)
yett_static_library(third_party_lz4 lz4)
yett_static_library(third_party_squashfs squashfs third_party_zstd third_party_lzma third_party_lz4 third_party_z
  Threads::Threads)  # makes, reads and checks squashfs packages
# Reads tar in all its dialects, zip, and what compresses them: more formats and more years than a
# reader of our own would have. zip's encryption takes nettle.
yett_static_library(third_party_archive archive third_party_nettle third_party_bz2 third_party_zstd
  third_party_lzma third_party_z)
