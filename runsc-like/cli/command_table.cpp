#include "runsc-like/cli/command_table.hpp"

#include <array>

#include "runsc-like/cli/benchmark.hpp"
#include "runsc-like/cli/completion.hpp"
#include "runsc-like/cli/daemon.hpp"
#include "runsc-like/cli/doctor.hpp"
#include "runsc-like/cli/explain.hpp"
#include "runsc-like/cli/images.hpp"
#include "runsc-like/cli/inspect.hpp"
#include "runsc-like/cli/man.hpp"
#include "runsc-like/cli/oci_create.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "runsc-like/cli/pack.hpp"
#include "runsc-like/cli/policy.hpp"
#include "runsc-like/cli/run.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/cli/spec.hpp"
#include "runsc-like/cli/volume.hpp"

namespace yett {

namespace {

int run_either(int argc, char** argv) {
  return is_oci_run(argc, argv) ? oci_run(argc, argv) : run_sandbox(argc, argv);
}

int ps_either(int argc, char** argv) {
  return is_sandbox_ps(argc, argv) ? sandbox_ps(argc, argv) : oci_ps(argc, argv);
}

}  // namespace

std::span<const Command> all_commands() {
  static constexpr std::array kCommands{
      Command{"run", "run a program that you do not trust", run_either},
      Command{"pack", "make a package of a directory or of programs of this host", run_pack},
      Command{"inspect", "what a package is, holds and asks for", run_inspect},
      Command{"images",
              "what was imported; import OCI and docker images, root file systems, bundles",
              run_images},
      Command{"volume", "directories that outlive sandboxes, by name", run_volume},
      Command{"policy", "check a policy file; show where each of its rules goes", run_policy},
      Command{"uapi-shell", "run a program that may make sandboxes by ioctl on /dev/yett",
              run_uapi_shell},
      Command{"daemon", "serve sandboxes to many clients: yettd", run_daemon},
      Command{"explain", "why a call was refused, and the smallest change that would allow it",
              run_explain},
      Command{"spec", "write the config.json of an OCI bundle to begin from", run_spec},
      Command{"doctor", "what this host offers, what is missing, and the mend", run_doctor},
      Command{"benchmark", "what a sandbox costs a program", run_benchmark},
      Command{"completion", "a script that completes yett's command lines", run_completion},
      Command{"man", "manual pages", run_man},
      Command{"create", "make a container of an OCI bundle", oci_create},
      Command{"start", "run the program of a created container", oci_start},
      Command{"state", "print the state of a container", oci_state},
      Command{"exec", "run one more program in a container", oci_exec},
      Command{"kill", "send a signal to a container", oci_kill},
      Command{"delete", "remove a stopped container", oci_delete},
      Command{"list", "the containers there are", oci_list},
      Command{"ps", "what runs; or the processes of one sandbox or container", ps_either},
      Command{"logs", "what a sandbox in the background has written", sandbox_logs},
      Command{"stop", "end sandboxes or containers", sandbox_stop},
      Command{"rm", "forget those that have ended", sandbox_rm},
      Command{"wait", "wait for their end", sandbox_wait},
      Command{"shutdown", "end all of them", sandbox_shutdown},
      Command{"stats", "what they take of CPU, memory and processes", sandbox_stats},
      Command{"top", "a live table of what runs; or the processes of one", sandbox_top},
      Command{"diff", "what one has changed in its root", sandbox_diff},
      Command{"commit", "a new image of one's image and what it has changed", sandbox_commit},
      Command{"discard", "forget what redirected writing has kept", sandbox_discard},
      Command{"grant", "what a sandbox asks for, and the answers", sandbox_grant},
      Command{"pause", "let a container's processes stand still", oci_pause},
      Command{"resume", "let them go on", oci_resume},
      Command{"update", "change the resources of a container", oci_update},
      Command{"events", "what a container uses, as JSON", oci_events},
      Command{"features", "what of the OCI specification is applied, as JSON", oci_features},
      Command{"checkpoint", "write a container to files (needs CRIU)", oci_checkpoint},
      Command{"restore", "run a container from such files (needs CRIU)", oci_restore},
  };
  return kCommands;
}

}  // namespace yett
