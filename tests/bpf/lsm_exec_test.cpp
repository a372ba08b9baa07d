// What may become code under BPF LSM: nothing that the sandbox wrote, by any way.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tests/bpf/labelled_task.hpp"

namespace yett::test {
namespace {

constexpr const char* kProgram = "/bin/true";

// exec in a child of its own, so that the act can go on: 0 when the program ran.
int exec(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(path.c_str(), path.c_str(), nullptr);
    ::_exit(errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 198;
}

int copy_program(const std::string& to) {
  const int in = ::open(kProgram, O_RDONLY);
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (in < 0 || out < 0) return errno;
  char buffer[4096];
  for (ssize_t count; (count = ::read(in, buffer, sizeof buffer)) > 0;)
    if (::write(out, buffer, static_cast<std::size_t>(count)) != count) return errno;
  ::close(in);
  return outcome(::close(out) != 0);
}

int copy_and_exec(const std::string& path) {
  const int copied = copy_program(path);
  return copied != 0 ? copied : exec(path);
}

int exec_memfd() {
  const int memory = ::memfd_create("program", 0);
  const std::string path = "/proc/self/fd/" + std::to_string(memory);
  return copy_and_exec(path);
}

int map_memfd_executable() {
  const int memory = ::memfd_create("code", 0);
  if (::ftruncate(memory, 4096) != 0) return errno;
  return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, memory, 0) == MAP_FAILED);
}

int map_executable(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED);
}

int map_then_make_executable(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  void* area = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  if (area == MAP_FAILED) return 199;
  return outcome(::mprotect(area, 4096, PROT_READ | PROT_EXEC) != 0);
}

int make_anonymous_executable() {
  void* area = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return outcome(::mprotect(area, 4096, PROT_READ | PROT_EXEC) != 0);
}

int map_anonymous_executable() {
  return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                 MAP_FAILED);
}

LsmPlan strict_plan() {
  LsmPlan plan = plain_plan();
  plan.deny_exec_of_written = true;
  plan.deny_memfd_exec = true;
  return plan;
}

class LsmExec : public LsmTest {
 protected:
  [[nodiscard]] std::string at(const std::string& name) const { return directory() + "/" + name; }
  // A directory that is mounted twice: writable at `name`, read-only at `name`-ro.
  void mount_twice(const std::string& name) {
    for (const std::string& place : {name, name + "-ro"})
      std::filesystem::create_directories(at(place));
    ASSERT_EQ(::mount("tmpfs", at(name).c_str(), "tmpfs", 0, nullptr), 0);
    const std::string read_only = at(name + "-ro");
    ASSERT_EQ(::mount(at(name).c_str(), read_only.c_str(), nullptr, MS_BIND, nullptr), 0);
    ASSERT_EQ(
        ::mount(nullptr, read_only.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr), 0);
  }
  void mount_overlay() {
    for (const char* name : {"lower", "layer", "merged"})
      std::filesystem::create_directories(at(name));
    ASSERT_EQ(copy_program(at("lower/program")), 0);
    ASSERT_EQ(copy_program(at("lower/touched")), 0);
    ASSERT_EQ(::mount("tmpfs", at("layer").c_str(), "tmpfs", 0, nullptr), 0);
    for (const char* name : {"layer/upper", "layer/work"}) ::mkdir(at(name).c_str(), 0755);
    const std::string options = "lowerdir=" + at("lower") + ",upperdir=" + at("layer/upper") +
                                ",workdir=" + at("layer/work");
    ASSERT_EQ(::mount("overlay", at("merged").c_str(), "overlay", 0, options.c_str()), 0)
        << std::strerror(errno);
  }
};

// SECURITY: exec_of_written.
TEST_F(LsmExec, WhatTheSandboxWroteDoesNotRun) {
  const auto act = [this] { return copy_and_exec(at("program")); };
  const LabelledRun run = run_labelled(strict_plan(), act);
  EXPECT_EQ(run.result, EACCES) << run.error;
  ASSERT_EQ(run.records.size(), 1U);
  EXPECT_EQ(run.records[0].call, "exec");
  EXPECT_EQ(run.records[0].rule, "exec.written_files");
  EXPECT_EQ(run.records[0].object, at("program"));
  EXPECT_EQ(run_labelled(plain_plan(), act).result, 0);
}

TEST_F(LsmExec, ProgramsOfReadOnlyPlacesRun) {
  mount_twice("place");
  ASSERT_EQ(copy_program(at("place/program")), 0);
  EXPECT_EQ(run_labelled(strict_plan(), [this] { return exec(at("place-ro/program")); }).result, 0);
  EXPECT_EQ(run_labelled(strict_plan(), [this] { return exec(at("place/program")); }).result,
            EACCES);
}

TEST_F(LsmExec, WrittenThroughOneMountDoesNotRunThroughAnother) {
  mount_twice("place");
  ASSERT_EQ(copy_program(at("place/old")), 0);
  const LabelledRun run = run_labelled(strict_plan(), [this] {
    const int copied = copy_program(at("place/new"));
    return copied != 0 ? copied : exec(at("place-ro/new"));
  });
  EXPECT_EQ(run.result, EACCES) << run.error;
  EXPECT_EQ(run_labelled(strict_plan(), [this] { return exec(at("place-ro/old")); }).result, 0);
}

TEST_F(LsmExec, OfAnOverlayOnlyTheLowerLayerRuns) {
  mount_overlay();
  const auto run = [](const Act& act) { return run_labelled(strict_plan(), act).result; };
  EXPECT_EQ(run([this] { return exec(at("merged/program")); }), 0);
  EXPECT_EQ(run([this] { return copy_and_exec(at("merged/new")); }), EACCES);
  EXPECT_EQ(run([this] {
              const int fd = ::open(at("merged/touched").c_str(), O_RDWR | O_APPEND);
              if (fd < 0 || ::write(fd, "x", 1) != 1 || ::close(fd) != 0) return 197;
              return exec(at("merged/touched"));
            }),
            EACCES);
  // Written by an earlier sandbox, so no mark of this one's is on it: the layer decides.
  EXPECT_EQ(run([this] { return exec(at("merged/new")); }), EACCES);
  EXPECT_EQ(run([this] { return map_executable(at("merged/new")); }), EACCES);
  EXPECT_EQ(run([this] { return map_executable(at("merged/program")); }), 0);
  EXPECT_EQ(run_labelled(plain_plan(), [this] { return exec(at("merged/new")); }).result, 0);
  ::umount2(at("merged").c_str(), MNT_DETACH);
}

TEST_F(LsmExec, RenamedIntoPlaceDoesNotRun) {
  mount_overlay();
  const LabelledRun run = run_labelled(strict_plan(), [this] {
    const int copied = copy_program(at("merged/new"));
    if (copied != 0) return copied;
    if (::rename(at("merged/new").c_str(), at("merged/program").c_str()) != 0) return 197;
    return exec(at("merged/program"));
  });
  EXPECT_EQ(run.result, EACCES) << run.error;
  ::umount2(at("merged").c_str(), MNT_DETACH);
}

// SECURITY: memfd_exec.
TEST_F(LsmExec, MemoryFilesDoNotRun) {
  EXPECT_EQ(run_labelled(strict_plan(), exec_memfd).result, EACCES);
  EXPECT_EQ(run_labelled(strict_plan(), map_memfd_executable).result, EACCES);
  EXPECT_EQ(run_labelled(plain_plan(), exec_memfd).result, 0);
  EXPECT_EQ(run_labelled(plain_plan(), map_memfd_executable).result, 0);
}

TEST_F(LsmExec, WrittenFilesAreNotMappedExecutable) {
  const std::string file = make_file("code", std::string(4096, 'x'));
  for (const auto act : {map_executable, map_then_make_executable}) {
    EXPECT_EQ(run_labelled(strict_plan(), [&] { return act(file); }).result, EACCES);
    EXPECT_EQ(run_labelled(plain_plan(), [&] { return act(file); }).result, 0);
  }
}

// SECURITY: null_argument; the hook is called without a file.
TEST_F(LsmExec, AnonymousMemoryMayBecomeCode) {
  EXPECT_EQ(run_labelled(strict_plan(), map_anonymous_executable).result, 0);
  EXPECT_EQ(run_labelled(strict_plan(), make_anonymous_executable).result, 0);
}

TEST_F(LsmExec, OnlyRootsOfExecRulesRun) {
  for (const char* name : {"in", "out"}) std::filesystem::create_directories(at(name));
  ASSERT_EQ(copy_program(at("in/program")), 0);
  ASSERT_EQ(copy_program(at("out/program")), 0);
  LsmPlan plan = plain_plan();
  plan.exec = {path_rule(at("in"))};  // and not its libraries, which are mapped, not started
  EXPECT_EQ(run_labelled(plan, [this] { return exec(at("in/program")); }).result, 0);
  const LabelledRun run = run_labelled(plan, [this] { return exec(at("out/program")); });
  EXPECT_EQ(run.result, EACCES) << run.error;
  ASSERT_FALSE(run.records.empty());
  EXPECT_EQ(run.records[0].rule, "files.exec");
}

}  // namespace
}  // namespace yett::test
