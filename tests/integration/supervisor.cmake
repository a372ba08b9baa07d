yett_test(integration_notify LABEL integration SOURCES notify_test.cpp USES base notify)
yett_test(integration_supervise LABEL integration SOURCES supervise_test.cpp USES base uapi plan loop)
yett_test(integration_emulate LABEL integration SOURCES emulate_test.cpp USES base uapi plan emulate loop)
yett_test(integration_terminal LABEL integration SOURCES terminal_relay_test.cpp USES base uapi plan loop)
