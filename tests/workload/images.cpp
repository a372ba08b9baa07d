#include "tests/workload/images.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

constexpr const char* kPrograms[] = {
    "/usr/bin/python3", "node", "redis-server", "nginx", "sqlite3", "git", "gcc",
    "busybox",          "sh",   "true",         "ls"};

std::string directory() { return YETT_BUILD_DIR "/workload"; }

bool newer(const std::string& left, const std::string& right) {
  struct stat a{};
  struct stat b{};
  return ::stat(left.c_str(), &a) == 0 && ::stat(right.c_str(), &b) == 0 &&
         a.st_mtime >= b.st_mtime;
}

std::string make_package(const std::string& path) {
  std::vector<std::string> arguments{"pack", "--quiet", "--force", "--level", "1"};
  for (const char* program : kPrograms) {
    arguments.emplace_back("--from-host");
    arguments.emplace_back(program);
  }
  arguments.push_back(path);
  const RunResult made = run_yett(arguments, {.timeout = std::chrono::minutes(5)});
  return made.exit_status == 0 ? "" : "packing " + path + ": " + made.text();
}

}  // namespace

const char* image_name(Image image) {
  return image == Image::host ? "host" : image == Image::squashfs ? "squashfs" : "erofs";
}

ImageArgument image_argument(Image image) {
  if (image == Image::host) return {};
  ::mkdir(directory().c_str(), 0755);
  const std::string path =
      directory() + (image == Image::squashfs ? "/programs.sqfs" : "/programs.erofs");
  const UniqueFd lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ::flock(lock.get(), LOCK_EX);
  std::string problem;
  if (!newer(path, yett_binary())) problem = make_package(path);
  return {.arguments = {path}, .problem = problem};
}

}  // namespace yett::test
