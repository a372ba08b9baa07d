// Finds a shared library as ld.so would: the run path of who asks, the cache, the default places.
// man ld.so(8).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

class LibrarySearch {
 public:
  // `cache` is the content of /etc/ld.so.cache ("" where there is none): damaged entries are left
  // out. Only 64-bit x86 libraries count.
  explicit LibrarySearch(std::string_view cache);
  // Of this host.
  [[nodiscard]] static LibrarySearch of_host();

  // An absolute path that exists, or nothing. `run_path` is of the file at `asker`.
  [[nodiscard]] std::optional<std::string> find(const std::string& name, const std::string& asker,
                                                const std::vector<std::string>& run_path) const;
  [[nodiscard]] std::size_t cached() const { return cache_.size(); }

 private:
  std::map<std::string, std::string, std::less<>> cache_;
};

}  // namespace yett
