// `yett policy record`: the policy that lets a program's run pass, from what it was refused.
#pragma once

namespace yett {

// The words after "record".
int run_policy_record(int argc, char** argv);

}  // namespace yett
