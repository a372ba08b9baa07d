#include "sandbox/package/pack/host_data.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace yett {
namespace {

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "/usr" of "/usr/bin/python3.11".
std::string prefix_of(const std::string& program) { return directory_of(directory_of(program)); }

// "12" of "x86_64-linux-gnu-gcc-12".
std::string version_behind_dash(std::string_view name) {
  return std::string(name.substr(name.rfind('-') + 1));
}

HostData python_data(const std::string& path) {
  return {.trees = {prefix_of(path) + "/lib/" + std::string(base_name(path))}};
}

HostData git_data() {
  // git starts itself under these names, and hooks and scripts through sh.
  return {.trees = {"/usr/lib/git-core", "/usr/share/git-core"},
          .programs = {"/usr/bin/git-upload-pack", "/usr/bin/git-receive-pack",
                       "/usr/bin/git-upload-archive", "/bin/sh"}};
}

HostData compiler_data(std::string_view name) {
  const std::string version = version_behind_dash(name);
  HostData data{.trees = {"/usr/lib/gcc/x86_64-linux-gnu/" + version},
                .programs = {"as", "ld"},
                .debian_packages = {"libc6-dev:amd64", "libc6-dev", "linux-libc-dev:amd64",
                                    "linux-libc-dev", "libcrypt-dev:amd64", "libcrypt-dev"}};
  if (name.find("g++") != std::string_view::npos) {
    data.trees.push_back("/usr/include/c++/" + version);
    data.trees.push_back("/usr/include/x86_64-linux-gnu/c++/" + version);
  }
  return data;
}

HostData nginx_data() {
  return {.trees = {"/etc/nginx", "/usr/share/nginx", "/usr/lib/nginx"},
          .directories = {"/var/log/nginx", "/var/lib/nginx"}};
}

bool is_compiler(std::string_view name) {
  static constexpr std::array<std::string_view, 2> kNames{"gcc-", "g++-"};
  return std::ranges::any_of(kNames, [name](std::string_view wanted) {
    const auto at = name.rfind(wanted);
    return at != std::string_view::npos && (at == 0 || name[at - 1] == '-');
  });
}

}  // namespace

HostData data_of_program(const std::string& real_path) {
  const std::string_view name = base_name(real_path);
  if (name.starts_with("python3.")) return python_data(real_path);
  if (name == "git") return git_data();
  if (name == "nginx") return nginx_data();
  if (is_compiler(name)) return compiler_data(name);
  if (name == "perl" || name.starts_with("perl5"))
    return {.trees = {"/usr/lib/x86_64-linux-gnu/perl-base", "/usr/lib/x86_64-linux-gnu/perl",
                      "/usr/share/perl"}};
  if (name == "node" || name == "nodejs") return {.trees = {"/etc/ssl/certs"}};
  return {};
}

HostData data_of_library(const std::string& file_name) {
  // TLS without authorities to trust refuses every peer.
  if (file_name.starts_with("libssl.so"))
    return {.trees = {"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/usr/lib/ssl"}};
  if (file_name.starts_with("libgnutls.so")) return {.trees = {"/etc/ssl/certs"}};
  // What the terminal understands; Debian keeps the common ones here.
  if (file_name.starts_with("libtinfo.so")) return {.trees = {"/lib/terminfo"}};
  // Debian's node keeps part of its own library as files.
  if (file_name.starts_with("libnode.so")) return {.trees = {"/usr/share/nodejs"}};
  // C.UTF-8, which programs fall back to, and the default set of name sources.
  if (file_name.starts_with("libc.so")) return {.trees = {"/usr/lib/locale/C.utf8"}};
  return {};
}

bool is_spare(const std::string& path) {
  if (path.starts_with("/etc/ssl/private")) return true;
  const std::string_view name = base_name(path);
  const bool in_gcc = path.starts_with("/usr/lib/gcc/");
  if (in_gcc && (name.starts_with("lto1") || name == "lto-dump" || name == "plugin")) return true;
  if (in_gcc && name.ends_with("san.a")) return true;
  return path.find("/lib/python3") != std::string::npos &&
         (name.starts_with("config-3.") || name == "test" || name == "idlelib");
}

}  // namespace yett
