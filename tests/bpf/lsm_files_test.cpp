// Writes and changes of the file tree under BPF LSM: every way to the same object, and each way's
// twin below a root that the policy names.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tests/bpf/labelled_task.hpp"
#include "tests/support/pass_fd.hpp"

namespace yett::test {
namespace {

int open_as(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags, 0600);
  return outcome(fd < 0);
}

int reopen_for_writing(const std::string& path) {
  const int fd = ::open(path.c_str(), O_PATH);
  return open_as("/proc/self/fd/" + std::to_string(fd), O_RDWR);
}

int copy_into(const std::string& from, const std::string& to) {
  const int in = ::open(from.c_str(), O_RDONLY);
  const int out = ::open(to.c_str(), O_WRONLY);
  if (in < 0 || out < 0) return errno;
  return outcome(::copy_file_range(in, nullptr, out, nullptr, 1, 0) < 0);
}

struct Way {
  const char* name;
  int (*act)(const std::string& place, const std::string& free);
};

// `place` is the directory under test, `free` one that may always be written.
constexpr Way kWays[] = {
    {"open for writing",
     [](const std::string& place, const std::string&) { return open_as(place + "/f", O_WRONLY); }},
    {"open read-only and truncating",
     [](const std::string& place, const std::string&) {
       return open_as(place + "/f", O_RDONLY | O_TRUNC);
     }},
    {"reopen an O_PATH descriptor",
     [](const std::string& place, const std::string&) { return reopen_for_writing(place + "/f"); }},
    {"through a symbolic link",
     [](const std::string& place, const std::string& free) {
       if (::symlink((place + "/f").c_str(), (free + "/s").c_str()) != 0) return 199;
       return open_as(free + "/s", O_WRONLY);
     }},
    {"copy_file_range",
     [](const std::string& place, const std::string& free) {
       return copy_into(free + "/f", place + "/f");
     }},
    {"truncate",
     [](const std::string& place, const std::string&) {
       return outcome(::truncate((place + "/f").c_str(), 0) != 0);
     }},
    {"create", [](const std::string& place,
                  const std::string&) { return open_as(place + "/new", O_WRONLY | O_CREAT); }},
    {"O_TMPFILE", [](const std::string& place,
                     const std::string&) { return open_as(place, O_TMPFILE | O_WRONLY); }},
    {"link out of it",
     [](const std::string& place, const std::string& free) {
       return outcome(::link((place + "/f").c_str(), (free + "/l").c_str()) != 0);
     }},
    {"link into it",
     [](const std::string& place, const std::string& free) {
       return outcome(::link((free + "/f").c_str(), (place + "/l").c_str()) != 0);
     }},
    {"rename out of it",
     [](const std::string& place, const std::string& free) {
       return outcome(::rename((place + "/f").c_str(), (free + "/r").c_str()) != 0);
     }},
    {"rename into place",
     [](const std::string& place, const std::string& free) {
       return outcome(::rename((free + "/g").c_str(), (place + "/f").c_str()) != 0);
     }},
    {"exchange",
     [](const std::string& place, const std::string& free) {
       return outcome(::renameat2(AT_FDCWD, (free + "/g").c_str(), AT_FDCWD, (place + "/f").c_str(),
                                  RENAME_EXCHANGE) != 0);
     }},
    {"unlink", [](const std::string& place,
                  const std::string&) { return outcome(::unlink((place + "/f").c_str()) != 0); }},
    {"mkdir",
     [](const std::string& place, const std::string&) {
       return outcome(::mkdir((place + "/d").c_str(), 0700) != 0);
     }},
    {"rmdir", [](const std::string& place,
                 const std::string&) { return outcome(::rmdir((place + "/empty").c_str()) != 0); }},
    {"symlink",
     [](const std::string& place, const std::string&) {
       return outcome(::symlink("f", (place + "/s2").c_str()) != 0);
     }},
    {"mknod",
     [](const std::string& place, const std::string&) {
       return outcome(::mknod((place + "/p").c_str(), S_IFIFO | 0600, 0) != 0);
     }},
    {"chmod",
     [](const std::string& place, const std::string&) {
       return outcome(::chmod((place + "/f").c_str(), 0600) != 0);
     }},
    {"chown",
     [](const std::string& place, const std::string&) {
       return outcome(::chown((place + "/f").c_str(), 1, 1) != 0);
     }},
};

class LsmFiles : public LsmTest {
 protected:
  void fill(const std::string& name) {
    make_file(name + "/f");
    make_file(name + "/g");
    std::filesystem::create_directories(directory() + "/" + name + "/empty");
  }
  [[nodiscard]] std::string at(const std::string& name) const { return directory() + "/" + name; }
  [[nodiscard]] LsmPlan plan_writing(const std::string& name) const {
    LsmPlan plan = plain_plan();
    plan.write = {path_rule(at(name))};
    return plan;
  }
};

// SECURITY: write_below_roots, hard_link.
TEST_F(LsmFiles, EveryWayIntoAPlaceOutsideTheRulesIsRefused) {
  for (const Way& way : kWays) {
    std::filesystem::remove_all(at("free"));
    std::filesystem::remove_all(at("kept"));
    fill("free");
    fill("kept");
    const LabelledRun run =
        run_labelled(plan_writing("free"), [&] { return way.act(at("kept"), at("free")); });
    EXPECT_EQ(run.result, EACCES) << way.name << " " << run.error;
    EXPECT_FALSE(run.records.empty()) << way.name;
  }
}

TEST_F(LsmFiles, EveryWayIntoAPlaceOfTheRulesIsOpen) {
  for (const Way& way : kWays) {
    for (const char* name : {"free", "other"}) {
      std::filesystem::remove_all(at("all/" + std::string(name)));
      fill("all/" + std::string(name));
    }
    const LabelledRun run =
        run_labelled(plan_writing("all"), [&] { return way.act(at("all/other"), at("all/free")); });
    EXPECT_EQ(run.result, 0) << way.name << ": " << std::strerror(run.result) << " " << run.error;
    EXPECT_TRUE(run.records.empty()) << way.name;
  }
}

constexpr Way kSetIdWays[] = {
    {"chmod",
     [](const std::string& place, const std::string&) {
       return outcome(::chmod((place + "/f").c_str(), 04755) != 0);
     }},
    {"fchmod set-gid",
     [](const std::string& place, const std::string&) {
       return outcome(::fchmod(::open((place + "/f").c_str(), O_RDONLY), 02755) != 0);
     }},
    {"create",
     [](const std::string& place, const std::string&) {
       return outcome(::open((place + "/c").c_str(), O_CREAT | O_WRONLY, 04755) < 0);
     }},
    {"openat2",
     [](const std::string& place, const std::string&) {
       struct open_how how{};
       how.flags = O_CREAT | O_WRONLY;
       how.mode = 06755;
       return outcome(::syscall(SYS_openat2, AT_FDCWD, (place + "/o").c_str(), &how, sizeof how) <
                      0);
     }},
    {"O_TMPFILE",
     [](const std::string& place, const std::string&) {
       return outcome(::open(place.c_str(), O_TMPFILE | O_WRONLY, 04755) < 0);
     }},
    {"mknod",
     [](const std::string& place, const std::string&) {
       return outcome(::mknod((place + "/n").c_str(), S_IFREG | 02755, 0) != 0);
     }},
};

// SECURITY(set-ids): by the kernel's own copy of the mode, whatever call it came from.
TEST_F(LsmFiles, SetIdBitsAreRefused) {
  LsmPlan plan = plain_plan();
  for (const bool refused : {false, true}) {
    plan.deny_set_ids = refused;
    for (const Way& way : kSetIdWays) {
      std::filesystem::remove_all(at("place"));
      fill("place");
      const LabelledRun run = run_labelled(plan, [&] { return way.act(at("place"), at("place")); });
      EXPECT_EQ(run.result, refused ? EPERM : 0) << way.name << " " << run.error;
      EXPECT_EQ(run.records.empty(), !refused) << way.name;
      if (refused && !run.records.empty()) {
        EXPECT_EQ(run.records[0].rule, "files.set_ids");
      }
    }
  }
  const LabelledRun plain = run_labelled(plan, [&] { return kWays[18].act(at("place"), ""); });
  EXPECT_EQ(plain.result, 0) << kWays[18].name;
}

TEST_F(LsmFiles, ReadingNeedsNoRule) {
  fill("kept");
  fill("free");
  EXPECT_EQ(
      run_labelled(plan_writing("free"), [&] { return open_as(at("kept/f"), O_RDONLY); }).result,
      0);
}

TEST_F(LsmFiles, DevicesAndProcNeedNoRule) {
  fill("free");
  EXPECT_EQ(
      run_labelled(plan_writing("free"), [] { return open_as("/dev/null", O_WRONLY); }).result, 0);
  EXPECT_EQ(run_labelled(plan_writing("free"), [] { return open_as("/proc/self/comm", O_WRONLY); })
                .result,
            0);
}

TEST_F(LsmFiles, MountsBelowARuleBelongToIt) {
  fill("free/mount");
  fill("kept/mount");
  for (const char* name : {"free/mount", "kept/mount"})
    ASSERT_EQ(::mount("tmpfs", at(name).c_str(), "tmpfs", 0, nullptr), 0);
  const auto create = [this](const char* name) {
    return run_labelled(plan_writing("free"), [&] { return open_as(at(name), O_WRONLY | O_CREAT); })
        .result;
  };
  EXPECT_EQ(create("free/mount/new"), 0);
  EXPECT_EQ(create("kept/mount/new"), EACCES);
}

TEST_F(LsmFiles, OverlayIsJudgedByItsOwnPaths) {
  for (const char* name : {"lower/free", "lower/kept"}) fill(name);
  for (const char* name : {"layer", "merged"}) std::filesystem::create_directories(at(name));
  ASSERT_EQ(::mount("tmpfs", at("layer").c_str(), "tmpfs", 0, nullptr), 0);
  for (const char* name : {"layer/upper", "layer/work"}) ::mkdir(at(name).c_str(), 0755);
  const std::string options =
      "lowerdir=" + at("lower") + ",upperdir=" + at("layer/upper") + ",workdir=" + at("layer/work");
  ASSERT_EQ(::mount("overlay", at("merged").c_str(), "overlay", 0, options.c_str()), 0)
      << std::strerror(errno);
  const auto copy_up = [this](const char* name) {
    return run_labelled(plan_writing("merged/free"), [&] { return open_as(at(name), O_RDWR); })
        .result;
  };
  EXPECT_EQ(copy_up("merged/free/f"), 0);
  EXPECT_EQ(copy_up("merged/kept/f"), EACCES);
  ::umount2(at("merged").c_str(), MNT_DETACH);
}

// SECURITY: long_path.
TEST_F(LsmFiles, DeepPathsAreWalkedOrRefused) {
  const auto descend = [](int levels) {
    for (int i = 0; i < levels; ++i)
      if (::mkdir("d", 0700) != 0 || ::chdir("d") != 0) return errno;
    return open_as("f", O_WRONLY | O_CREAT);
  };
  fill("free");
  const auto below = [&](int levels) {
    return run_labelled(
               plan_writing("free"),
               [&, levels] { return ::chdir(at("free").c_str()) != 0 ? 199 : descend(levels); })
        .result;
  };
  EXPECT_EQ(below(100), 0);
  std::filesystem::remove_all(at("free"));
  fill("free");
  EXPECT_EQ(below(300), EACCES);
}

// SECURITY: received_directory.
TEST_F(LsmFiles, ADirectoryOfAnotherMountTreeIsNotReceived) {
  const auto receive_after = [](bool from_elsewhere) {
    return [from_elsewhere] {
      int pair[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 199;
      // A detached copy of the tree: a directory that lies in no namespace of ours.
      const int sent = from_elsewhere
                           ? static_cast<int>(::syscall(428 /* open_tree */, AT_FDCWD, "/", 1))
                           : ::open("/", O_RDONLY | O_DIRECTORY);
      if (sent < 0 || !send_fd(pair[0], sent)) return 198;
      UniqueFd received;
      if (!receive_message(pair[1], received)) return 197;
      return received.valid() ? 0 : EACCES;
    };
  };
  EXPECT_EQ(run_labelled(plain_plan(), receive_after(true)).result, EACCES);
  EXPECT_EQ(run_labelled(plain_plan(), receive_after(false)).result, 0);
  EXPECT_EQ(run_unlabelled(receive_after(true)), 0);
}

}  // namespace
}  // namespace yett::test
