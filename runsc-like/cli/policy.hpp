// `yett policy check|plan`: is a policy file right, and where does each of its rules go here?
#pragma once

namespace yett {

int run_policy(int argc, char** argv);

}  // namespace yett
