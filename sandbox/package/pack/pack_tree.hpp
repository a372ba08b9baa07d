// What goes into a package, decided before a byte is written: names, modes, times, and where each
// file's bytes come from. Everything belongs to root, as all of it is read-only to the app.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett {

enum class NodeType { directory, regular, symlink };

struct PackNode {
  NodeType type = NodeType::directory;
  std::uint32_t mode = 0755;  // permission bits and sticky bit; never set-uid or set-gid
  std::int64_t modified = 0;  // seconds since 1970
  std::uint64_t size = 0;     // regular
  std::string host_path;      // regular: read from here; empty: `content` is the file
  std::string content;        // regular without host_path; symlink: its text
  std::map<std::string, std::unique_ptr<PackNode>, std::less<>> children;  // sorted: reproducible
};

// What the person who packs should know, counted, with one example each.
struct PackNotes {
  std::uint64_t set_id_files = 0;
  std::string set_id_example;
  std::uint64_t special_files = 0;
  std::string special_example;
  std::uint64_t owner_only_files = 0;  // not readable by the app's user
  std::string owner_only_example;
};

struct PackTotals {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t links = 0;
  std::uint64_t bytes = 0;  // of the regular files
  std::int64_t newest = 0;  // latest modification
};

class PackTree {
 public:
  PackTree() : root_(std::make_unique<PackNode>()) {}

  [[nodiscard]] const PackNode& root() const { return *root_; }
  [[nodiscard]] const PackNotes& notes() const { return notes_; }
  [[nodiscard]] PackTotals totals() const;

  // Everything below the host's directory `source`, at `destination` inside. Links are kept as they
  // are; devices, sockets and FIFOs are left out and noted. Merges into what is there; a file takes
  // the place of a file.
  [[nodiscard]] Status add_directory(const std::string& source, const std::string& destination);
  // One file or directory or link of the host, at `destination`.
  [[nodiscard]] Status add(const std::string& source, const std::string& destination);
  // A file with the given content.
  [[nodiscard]] Status add_content(const std::string& destination, std::string content);
  [[nodiscard]] Status make_directory(const std::string& destination, std::uint32_t mode = 0755);
  [[nodiscard]] Status add_link(const std::string& destination, std::string text);

  [[nodiscard]] const PackNode* find(std::string_view path) const;
  // No modification time later than this (SOURCE_DATE_EPOCH).
  void clamp_times(std::int64_t latest);

 private:
  // The directory that holds the last component of `destination`, made where it is missing.
  struct Place {
    PackNode* directory = nullptr;
    std::string name;
  };
  [[nodiscard]] Result<Place> place_for(const std::string& destination);
  [[nodiscard]] Status put(const std::string& destination, std::unique_ptr<PackNode> node);
  [[nodiscard]] Status scan(const std::string& source, PackNode& into);
  [[nodiscard]] Result<std::unique_ptr<PackNode>> make_node(const std::string& source);

  std::unique_ptr<PackNode> root_;
  PackNotes notes_;
};

}  // namespace yett
