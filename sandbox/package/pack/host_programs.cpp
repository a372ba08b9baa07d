#include "sandbox/package/pack/host_programs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>

#include "sandbox/package/pack/elf_file.hpp"
#include "sandbox/package/pack/host_data.hpp"
#include "sandbox/package/pack/library_search.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as the kernel

std::deque<std::string> components_of(const std::string& path) {
  std::deque<std::string> parts;
  for (const fs::path& part : fs::path(path))
    if (part != "/" && part != "." && !part.empty()) parts.push_back(part.string());
  return parts;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_shell(const std::string& interpreter) {
  const std::string name = base_name(interpreter);
  return name == "sh" || name == "dash" || name == "bash";
}

class HostCollector {
 public:
  HostCollector(PackTree& tree, HostProgramNotes& notes)
      : tree_(tree), notes_(notes), libraries_(LibrarySearch::of_host()) {}

  // A program with everything. Returns its real path.
  Result<std::string> add_program(const std::string& path) {
    YETT_TRY(const std::string real, add_path(path));
    YETT_CHECK(examine(real, Scripts::follow));
    if (programs_.insert(real).second) YETT_CHECK(add_data(data_of_program(real)));
    return real;
  }

  // What every dynamic program expects of a root directory.
  Status add_base() {
    for (const char* link : {"/bin", "/sbin", "/lib", "/lib64"})
      if (fs::is_symlink(link)) YETT_CHECK(add_path(link));
    for (const char* place : {"/dev", "/proc", "/run", "/home", "/var/tmp", "/etc"})
      YETT_CHECK(tree_.make_directory(place));
    YETT_CHECK(tree_.make_directory("/tmp", 01777));
    YETT_CHECK(tree_.add_content("/etc/passwd",
                                 "root:x:0:0:root:/:/bin/sh\n"
                                 "app:x:1000:1000:app:/:/bin/sh\n"
                                 "nobody:x:65534:65534:nobody:/:/bin/false\n"));
    YETT_CHECK(tree_.add_content("/etc/group", "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n"));
    return tree_.add_content("/etc/nsswitch.conf",
                             "passwd: files\ngroup: files\nhosts: files dns\n");
  }

 private:
  enum class Scripts { follow, shells_only };

  // Adds the file, directory or link at `path` and whatever links lead to it, walking as the kernel
  // does. Returns where it really is.
  Result<std::string> add_path(const std::string& path) {
    std::deque<std::string> rest = components_of(path);
    std::string at;
    for (int links = 0; !rest.empty();) {
      const std::string name = std::move(rest.front());
      rest.pop_front();
      if (name == "..") {
        at.erase(std::min(at.rfind('/'), at.size()));
        continue;
      }
      const std::string next = at + "/" + name;
      struct stat status{};
      if (::lstat(next.c_str(), &status) != 0) return fail(errno_error("pack", path));
      if (!S_ISLNK(status.st_mode)) {
        at = next;
        continue;
      }
      if (++links > kMaxLinks) return fail(errno_error(ELOOP, "pack", path));
      YETT_CHECK(follow_link(next, at, rest));
    }
    YETT_CHECK(add_real(at.empty() ? "/" : at));
    return at.empty() ? "/" : at;
  }

  Status follow_link(const std::string& link, std::string& at, std::deque<std::string>& rest) {
    YETT_CHECK(tree_.add(link, link));
    std::error_code error;
    const std::string text = fs::read_symlink(link, error).string();
    if (error) return fail(errno_error(error.value(), "read link", link));
    if (text.starts_with('/')) at.clear();
    const std::deque<std::string> inserted = components_of(text);
    rest.insert(rest.begin(), inserted.begin(), inserted.end());
    return {};
  }

  Status add_real(const std::string& path) {
    if (!added_.insert(path).second) return {};
    // A directory on the way belongs to everybody inside, whatever it is here.
    if (fs::is_directory(path)) return path == "/" ? Status{} : tree_.make_directory(path);
    return tree_.add(path, path);
  }

  Status examine(const std::string& real, Scripts scripts) {
    if (!examined_.insert(real).second) return {};
    YETT_TRY(const auto needs, read_elf_needs(real));
    if (!needs) return follow_script(real, scripts);
    if (!needs->interpreter.empty()) YETT_CHECK(add_and_examine(needs->interpreter));
    for (const std::string& name : needs->libraries) {
      const auto library = libraries_.find(name, real, needs->run_path);
      if (!library) {
        notes_.missing_libraries.push_back(name + " (needed by " + real + ")");
        continue;
      }
      YETT_CHECK(add_and_examine(*library));
      YETT_CHECK(add_data(data_of_library(name)));
    }
    return {};
  }

  Status add_and_examine(const std::string& path) {
    YETT_TRY(const std::string real, add_path(path));
    return examine(real, Scripts::follow);
  }

  Status follow_script(const std::string& real, Scripts scripts) {
    YETT_TRY(const std::vector<std::string> words, read_shebang(real));
    if (words.empty()) return {};
    std::string interpreter = words[0];
    if (base_name(interpreter) == "env" && words.size() > 1) {
      YETT_CHECK(add_and_examine(interpreter));
      auto found = find_host_program(words[1]);
      if (!found && scripts == Scripts::shells_only) return {};
      YETT_TRY(interpreter, std::move(found));
    }
    if (tree_.find(interpreter) != nullptr) return {};
    if (scripts == Scripts::shells_only && !is_shell(interpreter)) {
      notes_.skipped_scripts.push_back(real + " (" + interpreter + ")");
      return {};
    }
    YETT_CHECK(add_program(interpreter));
    return {};
  }

  Status add_data(const HostData& data) {
    for (const std::string& tree : data.trees)
      if (fs::exists(tree)) YETT_CHECK(add_tree(tree));
    for (const std::string& program : data.programs) {
      const auto path = find_host_program(program);
      if (path) YETT_CHECK(add_program(*path));
    }
    for (const std::string& package : data.debian_packages) YETT_CHECK(add_debian_files(package));
    for (const std::string& place : data.directories) YETT_CHECK(tree_.make_directory(place));
    return {};
  }

  // A directory with everything below it, and what its links lead to.
  Status add_tree(const std::string& path) {
    if (!trees_.insert(path).second) return {};
    YETT_TRY(const std::string real, add_path(path));
    if (!fs::is_directory(real)) return examine(real, Scripts::shells_only);
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(real, error)) {
      const std::string child = entry.path().string();
      if (is_spare(child)) continue;
      if (entry.is_symlink() && !entry.exists()) continue;  // leads nowhere here either
      YETT_CHECK(entry.is_directory() && !entry.is_symlink() ? add_tree(child) : add_leaf(child));
    }
    if (error) return fail(errno_error(error.value(), "read directory", real));
    return {};
  }

  Status add_leaf(const std::string& path) {
    // Sockets, devices and files of others' sight are no data.
    if (!fs::is_regular_file(path) && !fs::is_directory(path)) return {};
    YETT_TRY(const std::string real, add_path(path));
    return fs::is_directory(real) ? Status{} : examine(real, Scripts::shells_only);
  }

  Status add_debian_files(const std::string& package) {
    std::ifstream list("/var/lib/dpkg/info/" + package + ".list");
    for (std::string path; std::getline(list, path);)
      if (!path.starts_with("/usr/share/") && fs::is_regular_file(path)) YETT_CHECK(add_path(path));
    return {};
  }

  PackTree& tree_;
  HostProgramNotes& notes_;
  LibrarySearch libraries_;
  std::set<std::string> added_;
  std::set<std::string> examined_;
  std::set<std::string> programs_;
  std::set<std::string> trees_;
};

bool is_program(const std::string& path) {
  return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<std::string> find_host_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    std::error_code error;
    const std::string absolute = fs::absolute(name, error).lexically_normal().string();
    if (is_program(absolute)) return absolute;
    return fail(request_error(name, "is not a program of this host", "give its path"));
  }
  std::string places = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (const char* path = std::getenv("PATH")) places += std::string(":") + path;
  for (std::string_view rest = places; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + name;
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (is_program(candidate)) return candidate;
  }
  return fail(request_error(name, "is not a program of this host",
                            "give its path, or install it: apt install " + name));
}

Result<std::vector<std::string>> add_host_programs(PackTree& tree,
                                                   const std::vector<std::string>& programs,
                                                   HostProgramNotes& notes) {
  HostCollector collector(tree, notes);
  YETT_CHECK(collector.add_base());
  std::vector<std::string> real_paths;
  for (const std::string& program : programs) {
    YETT_TRY(const std::string path, find_host_program(program));
    YETT_TRY(std::string real, collector.add_program(path));
    real_paths.push_back(std::move(real));
  }
  return real_paths;
}

}  // namespace yett
