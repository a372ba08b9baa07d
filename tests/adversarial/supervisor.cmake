yett_test(adversarial_supervisor LABEL adversarial SOURCES supervisor_test.cpp USES base uapi plan loop SERIAL)
yett_test(adversarial_helper LABEL adversarial SOURCES helper_test.cpp USES base uapi plan loop)
yett_test(adversarial_freezer LABEL adversarial SOURCES freezer_test.cpp USES base uapi plan loop)
yett_test(adversarial_flood LABEL adversarial SOURCES flood_test.cpp USES base uapi plan loop SERIAL)
yett_test(adversarial_slow_memory LABEL adversarial SOURCES slow_memory_test.cpp USES base uapi plan loop)

# SECURITY(no-continue): no code of ours names the flag that lets a trapped call run, but for the one
# function that does for the filter's own decisions, made later (docs/decisions/0031-live-policies.md).
add_test(NAME adversarial.NoContinue
  COMMAND sh -c "! grep -rnE --exclude=continue_by_registers.cpp 'USER_NOTIF_FLAG_CONTINUE' base ioctl_uapi sandbox supervisor runsc-like"
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(adversarial.NoContinue PROPERTIES LABELS adversarial)
