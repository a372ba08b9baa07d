// What a program can see of all that holds it, so that two ways of beginning one can be compared.
#pragma once

#include <regex>
#include <string>

namespace yett::test {

// Everything about a program that a sandbox decides and that the program can see. Not what changes
// by itself: states, signals that wait in a queue, times of files.
inline constexpr const char* kPosture = R"posture(
echo "== descriptors"; for fd in /proc/self/fd/*; do echo "${fd##*/} $(readlink $fd)"; done
echo "== namespaces"; ls /proc/self/ns
echo "== mounts"; cut -d' ' -f4- /proc/self/mountinfo
echo "== environment"; env | sort
echo "== status"; for pid in self 1; do grep -E '^(Umask|Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap|Sig[PBIC]|Shd|TracerPid|CoreDumping|THP|Speculation|Cpus|Mems|NStgid)' /proc/$pid/status; done
echo "== limits"; cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup
echo "== session"; cut -d')' -f2 /proc/self/stat | cut -d' ' -f3-8,18,19
echo "== processes"; set -- /proc/[0-9]*; echo $#
echo "== system"; hostname; pwd; ulimit -a; cat /proc/sys/vm/memfd_noexec /proc/keys 2>&1
echo "== files"; find / -xdev -newer /proc/1/cmdline ! -path '/proc/*' 2>/dev/null | sort; ls -la --time-style=+ /tmp "$HOME"
echo "== network"; cat /proc/net/dev | wc -l; ls -l /proc/self/exe /proc/self/root /proc/self/cwd | sed 's/.*-> //'
)posture";

// But for numbers that only say which of several alike it is: of pipes, and of the user on the
// host, whom every sandbox has for itself.
inline std::string posture(const std::string& text) {
  return std::regex_replace(text, std::regex("\\[[0-9]+\\]|[ug]id=[0-9]+"), "N");
}

}  // namespace yett::test
