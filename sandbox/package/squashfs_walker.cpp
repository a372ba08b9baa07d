#include "sandbox/package/squashfs_walker.hpp"

#include <sqfs/data_reader.h>
#include <sqfs/dir.h>
#include <sqfs/error.h>
#include <sqfs/inode.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "sandbox/package/squashfs_image.hpp"

namespace yett {
namespace {

constexpr std::size_t kPiece = 65536;
constexpr std::size_t kLongestPath = 4000;

struct Directory {
  std::string path;  // with a slash at its end; empty: the root
  SquashfsInode inode;
};

EntryKind kind_of(const sqfs_inode_generic_t& inode) {
  switch (inode.base.type) {
    case SQFS_INODE_DIR:
    case SQFS_INODE_EXT_DIR:
      return EntryKind::directory;
    case SQFS_INODE_FILE:
    case SQFS_INODE_EXT_FILE:
      return EntryKind::file;
    case SQFS_INODE_SLINK:
    case SQFS_INODE_EXT_SLINK:
      return EntryKind::symlink;
    default:
      return EntryKind::other;
  }
}

std::string link_text(const sqfs_inode_generic_t& inode) {
  const std::size_t size = inode.base.type == SQFS_INODE_SLINK ? inode.data.slink.target_size
                                                               : inode.data.slink_ext.target_size;
  const auto* text = reinterpret_cast<const char*>(inode.extra);  // a byte more than its size
  return {text, ::strnlen(text, size)};
}

class Walk {
 public:
  Walk(const SquashfsImage& image, SquashfsFile& file, TreeListener& listener)
      : image_(image), file_(file), listener_(listener) {}

  // The library's error, or 0.
  int run() {
    data_.reset(sqfs_data_reader_create(&file_.base, image_.super.block_size,
                                        image_.decompressor.get(), 0));
    if (!data_) return SQFS_ERROR_ALLOC;
    if (const int error = sqfs_data_reader_load_fragment_table(data_.get(), &image_.super))
      return error;
    sqfs_inode_generic_t* root = nullptr;
    if (const int error = sqfs_dir_reader_get_root_inode(image_.directories.get(), &root))
      return error;
    waiting_.push_back({.path = {}, .inode = SquashfsInode(root)});
    while (!waiting_.empty() && !unheard_) {
      const Directory next = std::move(waiting_.back());
      waiting_.pop_back();
      if (const int error = list(next)) return error;
    }
    return 0;
  }

 private:
  int list(const Directory& directory) {
    sqfs_dir_reader_t* reader = image_.directories.get();
    if (const int error = sqfs_dir_reader_open_dir(reader, directory.inode.get(), 0)) return error;
    for (;;) {
      sqfs_dir_entry_t* read = nullptr;
      const int got = sqfs_dir_reader_read(reader, &read);
      if (got != 0) return std::min(got, 0);
      const std::unique_ptr<sqfs_dir_entry_t, SquashfsFree> entry(read);
      sqfs_inode_generic_t* found = nullptr;
      if (const int error = sqfs_dir_reader_get_inode(reader, &found)) return error;
      std::string path = directory.path +
                         std::string(reinterpret_cast<const char*>(entry->name), entry->size + 1U);
      if (path.size() > kLongestPath) return SQFS_ERROR_CORRUPTED;
      if (const int error = tell(std::move(path), SquashfsInode(found))) return error;
      if (unheard_) return 0;
    }
  }

  int tell(std::string path, SquashfsInode inode) {
    ArchiveEntry entry{.path = path,
                       .kind = kind_of(*inode),
                       .link = {},
                       .mode = inode->base.mode & 07777U,
                       .modified = inode->base.mod_time};
    if (entry.kind == EntryKind::symlink) entry.link = link_text(*inode);
    if (entry.kind == EntryKind::file) {
      const auto [known, fresh] = files_.try_emplace(inode->base.inode_number, path);
      if (!fresh) {
        entry.kind = EntryKind::hard_link;
        entry.link = known->second;
      }
    }
    unheard_ = !listener_.entry(entry);
    if (entry.kind == EntryKind::file) return unheard_ ? 0 : tell_content(*inode);
    if (entry.kind == EntryKind::directory)
      waiting_.push_back({.path = std::move(path) + "/", .inode = std::move(inode)});
    return 0;
  }

  int tell_content(const sqfs_inode_generic_t& inode) {
    sqfs_u64 size = 0;
    if (const int error = sqfs_inode_get_file_size(&inode, &size)) return error;
    for (sqfs_u64 at = 0; at < size && !unheard_;) {
      const auto wanted = static_cast<sqfs_u32>(std::min<sqfs_u64>(kPiece, size - at));
      const auto got = sqfs_data_reader_read(data_.get(), &inode, at, piece_.data(), wanted);
      if (got < 0) return got;
      if (static_cast<sqfs_u32>(got) != wanted) return SQFS_ERROR_CORRUPTED;
      unheard_ = !listener_.data({piece_.data(), wanted});
      at += wanted;
    }
    return 0;
  }

  const SquashfsImage& image_;
  SquashfsFile& file_;
  TreeListener& listener_;
  SquashfsOwner<sqfs_data_reader_t> data_;
  std::vector<Directory> waiting_;
  std::map<std::uint32_t, std::string> files_;  // by inode number: the first path of each
  std::string piece_ = std::string(kPiece, '\0');
  bool unheard_ = false;
};

}  // namespace

std::string walk_squashfs(const ImageBytes& bytes, TreeListener& listener) {
  SquashfsFile file(bytes);
  const auto image = open_squashfs(file);
  const int error = image ? Walk(**image, file, listener).run() : image.error();
  return error == 0 ? "" : squashfs_refusal(error);
}

}  // namespace yett
