yett_test(integration_package LABEL integration SOURCES package_mount_test.cpp package_manifest_read_test.cpp
          USES package pack)
add_test(NAME integration.PackCommand
         COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/package_cli_test.sh $<TARGET_FILE:yett>)
set_tests_properties(integration.PackCommand PROPERTIES LABELS integration TIMEOUT 300)
