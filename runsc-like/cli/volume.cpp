#include "runsc-like/cli/volume.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/images/image_store.hpp"
#include "runsc-like/images/remove_tree.hpp"
#include "sandbox/plan/planner.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{0, "image-root", "DIR", "Whose volumes (default /var/lib/yett)"}};
constexpr OciUsage kUsage{
    "volume", "[OPTIONS] create NAME... | ls | rm NAME... | prune",
    "Directories that outlive sandboxes, by name: `yett run -v NAME:/inside`, which makes one "
    "that\n"
    "is not there yet. rm and prune take away those that no sandbox uses, with what is in them.",
    "yett volume create data && yett run -v data:/data -- touch /data/mine", kOptions};

std::string directory_of(const CommandLine& given) {
  return given.value("image-root", kDefaultImageRoot) + "/volumes";
}

Status check_name(std::string_view name) {
  const auto good = [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
  };
  if (!name.empty() && name.size() <= 64 && name.front() != '.' && name.front() != '-' &&
      std::ranges::all_of(name, good))
    return {};
  return fail(request_error(escape_for_terminal(name.substr(0, 100)), "is no name of a volume",
                            "letters, digits, '.', '_' or '-'; a directory has a slash: ./" +
                                escape_for_terminal(name.substr(0, 100))));
}

// A volume belongs to an id of its store's. Where mounts cannot be idmapped, its sandboxes have
// that id: the volume's files stay theirs from one run to the next. One with files in it keeps its
// owner.
Status give_to_sandboxes(const std::string& directory, const std::string& path) {
  std::error_code error;
  struct stat found{};
  if (::geteuid() != 0 || ::lstat(path.c_str(), &found) != 0 || found.st_uid != 0 ||
      !std::filesystem::is_empty(path, error))
    return {};
  const std::filesystem::path real = std::filesystem::canonical(directory, error);
  if (error) return fail(errno_error(error.value(), "realpath", directory));
  const std::uint32_t id = kept_host_id(real.native());
  if (::lchown(path.c_str(), id, id) != 0) return fail(errno_error("chown", path));
  return {};
}

// SECURITY(volumes-closed): 0700: what is in a volume is for its sandboxes, and none of the host's
// other users.
Status make(const std::string& directory, const std::string& name) {
  YETT_CHECK(check_name(name));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(errno_error(error.value(), "mkdir", directory));
  ::chmod(directory.c_str(), 0700);
  const std::string path = directory + "/" + name;
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return fail(errno_error("mkdir", path));
  return give_to_sandboxes(directory, path);
}

Result<UniqueFd> open_volume(const std::string& directory, const std::string& name) {
  YETT_CHECK(check_name(name));
  UniqueFd volume(
      ::open((directory + "/" + name).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (volume.valid()) return volume;
  return fail(Error{.kind = ErrorKind::target_gone, .subject = name, .detail = "no such volume"});
}

// SECURITY(volumes-in-use): a sandbox's volume is not emptied under it.
Status remove(const std::string& directory, const std::string& name) {
  YETT_TRY(const UniqueFd volume, open_volume(directory, name));
  if (::flock(volume.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(request_error(name, "a sandbox uses the volume", "stop it first"));
  const UniqueFd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return remove_tree(parent.borrow(), name);
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

Status prune(const std::string& directory) {
  for (const std::string& name : names_in(directory))
    if (const Status removed = remove(directory, name); removed)
      std::printf("%s\n", name.c_str());
    else
      std::fprintf(stderr, "yett: volume: %s: kept\n", name.c_str());
  return {};
}

Status volume(const CommandLine& given) {
  const auto& words = given.places;
  const std::string directory = directory_of(given);
  const bool of_all = words[0] == "ls" || words[0] == "prune";
  if (words[0] == "prune" && words.size() == 1) return prune(directory);
  if (words[0] == "ls" && words.size() == 1) {
    for (const std::string& name : names_in(directory)) std::printf("%s\n", name.c_str());
    return {};
  }
  if (words[0] != "create" && words[0] != "rm")
    return fail(request_error(words[0],
                              of_all ? "takes no name" : "no such thing to do with volumes",
                              "create, ls, rm or prune"));
  if (words.size() < 2) return fail(request_error(words[0], "no name given"));
  for (std::size_t i = 1; i < words.size(); ++i) {
    YETT_CHECK(words[0] == "rm" ? remove(directory, words[i]) : make(directory, words[i]));
    std::printf("%s\n", words[i].c_str());
  }
  return {};
}

}  // namespace

Result<UsedVolume> use_volume(const std::string& image_root, const std::string& name) {
  const std::string directory = (image_root.empty() ? kDefaultImageRoot : image_root) + "/volumes";
  YETT_CHECK(make(directory, name));
  YETT_TRY(UniqueFd held, open_volume(directory, name));
  if (::flock(held.get(), LOCK_SH | LOCK_NB) != 0)
    return fail(request_error(name, "the volume is being removed"));
  struct stat status{};
  if (::fstat(held.get(), &status) != 0) return fail(errno_error("stat", name));
  return UsedVolume{.path = directory + "/" + name,
                    .kept_host_id = is_kept_host_id(status.st_uid) ? status.st_uid : 0,
                    .in_use = std::move(held)};
}

int run_volume(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, SIZE_MAX)) return line.exit_status();
  return line.finish(volume(line.arguments()));
}

}  // namespace yett
