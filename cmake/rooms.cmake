# yett_room(<room> [SOURCES file...] [USES room...] [LIBRARIES target...])
#
# A room is a folder with one reason to exist and one target, `yett_<room>`. USES lists the rooms it
# may include; the link graph is the rule (docs/architecture.md), and tests/style checks that no
# #include goes round it. Rooms without sources (values only) are interface targets.
function(yett_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  list(TRANSFORM ROOM_USES PREPEND yett_ OUTPUT_VARIABLE uses)
  if(ROOM_SOURCES)
    add_library(yett_${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(yett_${name} PUBLIC yett_options ${uses} ${ROOM_LIBRARIES})
  else()
    add_library(yett_${name} INTERFACE)
    target_link_libraries(yett_${name} INTERFACE yett_options ${uses} ${ROOM_LIBRARIES})
  endif()
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  list(JOIN ROOM_USES " " edges)
  set_property(GLOBAL APPEND PROPERTY YETT_ROOMS "${name}|${folder}|${edges}")
endfunction()
