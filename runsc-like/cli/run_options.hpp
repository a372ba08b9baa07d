// The flags of `yett run`, as given: strings checked for shape only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/images/image_config.hpp"
#include "sandbox/policy/policy.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

struct RunOptions {
  std::string image;  // as given; empty: host
  std::vector<std::string> command;
  std::vector<std::string> volumes;
  std::vector<std::string> environment;
  std::vector<std::string> environment_files;
  std::string working_directory;
  std::string user;
  std::string ids = "one";
  std::string name;
  std::string memory;
  std::string cpus;
  std::string pids;
  std::string time;
  std::string truth;
  std::string network;
  std::vector<std::string> publish;
  std::string policy = "plugin";
  std::vector<std::string> require;
  std::string mode = "auto";
  std::string audit_file;
  std::string report_file;
  std::string overlay;
  std::vector<std::string> overlay_dirs;
  std::string exec_dir;
  std::string data_dir;
  std::string here;  // "", "ro", "rw"
  bool interactive = false;
  bool terminal = false;
  bool dry_run = false;
  bool trace = false;
  bool stack = false;
  bool detach = false;
  bool remove_at_end = false;
  bool wait = false;
  std::string log;         // file or directory; empty: beside the state
  std::string image_root;  // of imported images; empty: kDefaultImageRoot
  std::string root;        // of the state; empty: oci_globals()'s
  std::string made_of;     // yettd's template; empty: none
  bool operator==(const RunOptions&) const = default;
};

// What parsing decided when there is nothing to run: --help, or a usage error already printed.
struct ParseEnd {
  int exit_status = 0;
};
[[nodiscard]] std::expected<RunOptions, ParseEnd> parse_run_options(int argc, char** argv);
// The same for a command that takes these options and `more`, and has words of its own for --help.
[[nodiscard]] std::expected<RunOptions, ParseEnd> parse_run_options(
    int argc, char** argv, const CommandHelp& help, std::span<const Option> more = {});

// Of a file's words, without a program: sandboxes that are made before it is known. Error: what is
// wrong with them.
[[nodiscard]] std::expected<RunOptions, std::string> read_template_options(
    std::vector<std::string> words);

// Of any words, "run" not among them; nothing is printed. Error: what is wrong with them.
[[nodiscard]] std::expected<RunOptions, std::string> read_run_options(
    std::vector<std::string> words);
// Can a sandbox of these options be made before its program is known? What stands in the way, if
// not.
[[nodiscard]] std::optional<std::string> check_prepared(const RunOptions& options);
// The image and every option, by the table of them all: two texts are equal where these are.
[[nodiscard]] std::string describe_options(RunOptions options);

// Of --policy alone.
[[nodiscard]] Result<Policy> load_policy(const std::string& name);

// The request and the policy that the options mean together. Errors name the flag and the mend.
struct RunInput {
  SandboxRequest request;
  Policy policy;
  std::optional<ImageConfig> image_config;  // of an imported image
  std::optional<Policy> package_policy;     // that a package asks for
  // Layers of an imported image and volumes by name: to be kept open while the sandbox lives.
  std::vector<UniqueFd> in_use;
};
[[nodiscard]] Result<RunInput> make_run_input(const RunOptions& options);
// What a policy of this text would have been in place of the options' own: `name` is a built-in's,
// whose text does not count, or the absolute path of its file.
[[nodiscard]] Result<Policy> read_other_policy(const RunOptions& options, const RunInput& input,
                                               const std::string& name, const std::string& text);

}  // namespace yett
