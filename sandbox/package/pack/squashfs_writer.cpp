#include "sandbox/package/pack/squashfs_writer.hpp"

#include <fcntl.h>
#include <sqfs/block.h>
#include <sqfs/block_processor.h>
#include <sqfs/block_writer.h>
#include <sqfs/compressor.h>
#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>
#include <sqfs/super.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "sandbox/package/manifest.hpp"
#include "sandbox/package/pack/sqfs_objects.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kNoAttributes = 0xFFFFFFFF;

class SquashfsWriter {
 public:
  SquashfsWriter(const PackTree& tree, const PackOptions& options, BorrowedFd output,
                 const PackProgress& progress)
      : tree_(tree), options_(options), totals_(tree.totals()), progress_(progress), out_(output) {}

  Status run() {
    YETT_CHECK(start());
    YETT_CHECK(write_files(tree_.root(), "/"));
    YETT_CHECK(library(sqfs_block_processor_finish(processor_.get()), "compress"));
    super_.inode_table_start = out_.size();
    number_inodes(tree_.root());
    YETT_CHECK(write_inodes(tree_.root(), 0));
    return finish();
  }

 private:
  // A library call's answer as a Status; the errno of our own file says more than the library.
  Status library(int result, const char* step) {
    if (result >= 0) return {};
    if (out_.last_errno() != 0)
      return fail(errno_error(out_.last_errno(), "write package", options_.output));
    Error error{.kind = ErrorKind::internal, .operation = "pack squashfs", .subject = step};
    error.detail = "libsquashfs error " + std::to_string(result);
    return fail(std::move(error));
  }

  template <typename Object>
  Status made(const SqfsOwner<Object>& object, const char* what) {
    return library(object ? 0 : static_cast<int>(SQFS_ERROR_ALLOC), what);
  }

  Result<SqfsOwner<sqfs_compressor_t>> make_compressor(SQFS_COMPRESSOR id, std::uint16_t flags) {
    sqfs_compressor_config_t config{};
    sqfs_compressor_t* made_compressor = nullptr;
    YETT_CHECK(library(sqfs_compressor_config_init(&config, id, options_.block_size, flags),
                       options_.compressor.c_str()));
    if (options_.level != 0 && flags == 0) config.level = options_.level;
    if (sqfs_compressor_create(&config, &made_compressor) != 0)
      return fail(request_error(options_.compressor,
                                "cannot compress squashfs with that level and block size"));
    return SqfsOwner<sqfs_compressor_t>(made_compressor);
  }

  Status start() {
    const std::string name = options_.compressor.empty() ? "zstd" : options_.compressor;
    const int id = sqfs_compressor_id_from_name(name.c_str());
    if (id < 0) return fail(request_error(name, "is no compressor of squashfs"));
    const auto compressor = static_cast<SQFS_COMPRESSOR>(id);
    YETT_CHECK(library(sqfs_super_init(&super_, options_.block_size,
                                       static_cast<sqfs_u32>(options_.image_time), compressor),
                       "superblock"));
    YETT_TRY(compressor_, make_compressor(compressor, 0));
    YETT_TRY(decompressor_, make_compressor(compressor, SQFS_COMP_FLAG_UNCOMPRESS));
    YETT_CHECK(library(sqfs_super_write(&super_, out_.file()), "superblock"));
    const int option_bytes = compressor_->write_options(compressor_.get(), out_.file());
    YETT_CHECK(library(option_bytes, "compressor options"));
    if (option_bytes > 0) super_.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
    return make_tables();
  }

  Status make_tables() {
    blocks_.reset(sqfs_block_writer_create(out_.file(), SQFS_DEVBLK_SIZE, 0));
    fragments_.reset(sqfs_frag_table_create(0));
    ids_.reset(sqfs_id_table_create(0));
    inodes_.reset(sqfs_meta_writer_create(out_.file(), compressor_.get(), 0));
    entries_.reset(
        sqfs_meta_writer_create(out_.file(), compressor_.get(), SQFS_META_WRITER_KEEP_IN_MEMORY));
    YETT_CHECK(made(blocks_, "block writer"));
    YETT_CHECK(made(fragments_, "fragment table"));
    YETT_CHECK(made(ids_, "id table"));
    YETT_CHECK(made(inodes_, "inode writer"));
    YETT_CHECK(made(entries_, "entry writer"));
    directories_.reset(sqfs_dir_writer_create(entries_.get(), 0));
    YETT_CHECK(made(directories_, "directory writer"));
    const std::uint32_t workers = std::max(options_.workers, 1U);
    const sqfs_block_processor_desc_t description{.size = sizeof description,
                                                  .max_block_size = options_.block_size,
                                                  .num_workers = workers,
                                                  .max_backlog = workers * 10,
                                                  .cmp = compressor_.get(),
                                                  .wr = blocks_.get(),
                                                  .tbl = fragments_.get(),
                                                  .file = out_.file(),
                                                  .uncmp = decompressor_.get()};
    sqfs_block_processor_t* processor = nullptr;
    YETT_CHECK(library(sqfs_block_processor_create_ex(&description, &processor), "compressor"));
    processor_.reset(processor);
    return {};
  }

  Status write_files(const PackNode& node, const std::string& path) {
    for (const auto& [name, child] : node.children) {
      const std::string inside = path + name;
      if (child->type == NodeType::regular) YETT_CHECK(write_file(*child, inside));
      if (child->type == NodeType::directory) YETT_CHECK(write_files(*child, inside + "/"));
    }
    return {};
  }

  Status write_file(const PackNode& node, const std::string& inside) {
    // The manifest is read at each start: kept alone and plain, that costs one small read.
    const bool is_manifest = inside == "/" + std::string(kManifestName);
    const std::uint32_t flags = is_manifest ? SQFS_BLK_DONT_FRAGMENT | SQFS_BLK_DONT_COMPRESS : 0U;
    // The library fills the pointer in later, from its own memory: it must not move until the end.
    sqfs_inode_generic_t*& inode = file_inodes_[&node];
    YETT_CHECK(library(sqfs_block_processor_begin_file(processor_.get(), &inode, nullptr, flags),
                       inside.c_str()));
    YETT_CHECK(node.host_path.empty() ? append(node.content.data(), node.content.size(), inside)
                                      : append_host_file(node.host_path, inside));
    return library(sqfs_block_processor_end_file(processor_.get()), inside.c_str());
  }

  Status append(const void* data, std::size_t size, const std::string& inside) {
    YETT_CHECK(library(sqfs_block_processor_append(processor_.get(), data, size), inside.c_str()));
    done_ += size;
    if (progress_) progress_(done_, std::max(done_, totals_.bytes));
    return {};
  }

  Status append_host_file(const std::string& path, const std::string& inside) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd.valid()) return fail(errno_error("open", path));
    buffer_.resize(256U << 10);
    while (true) {
      const ssize_t got = ::read(fd.get(), buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(errno_error("read", path));
      if (got == 0) return {};
      YETT_CHECK(append(buffer_.data(), static_cast<std::size_t>(got), inside));
    }
  }

  // Children before their parents; a directory's inode names its parent's number.
  void number_inodes(const PackNode& node) {
    for (const auto& [name, child] : node.children) number_inodes(*child);
    numbers_[&node] = ++super_.inode_count;
  }

  Status write_inodes(const PackNode& node, std::uint32_t parent) {
    const std::uint32_t number = numbers_[&node];
    for (const auto& [name, child] : node.children) YETT_CHECK(write_inodes(*child, number));
    switch (node.type) {
      case NodeType::directory:
        return write_directory(node, parent);
      case NodeType::symlink:
        return write_link(node);
      case NodeType::regular:
        break;
    }
    const SqfsInodeOwner inode(std::exchange(file_inodes_[&node], nullptr));
    return write_inode(node, *inode, S_IFREG);
  }

  Status write_directory(const PackNode& node, std::uint32_t parent) {
    YETT_CHECK(library(sqfs_dir_writer_begin(directories_.get(), 0), "directory"));
    std::uint32_t links = 2;
    for (const auto& [name, child] : node.children) {
      if (child->type == NodeType::directory) ++links;
      YETT_CHECK(
          library(sqfs_dir_writer_add_entry(directories_.get(), name.c_str(), numbers_[child.get()],
                                            references_[child.get()], format_bits(child->type)),
                  name.c_str()));
    }
    YETT_CHECK(library(sqfs_dir_writer_end(directories_.get()), "directory"));
    const SqfsInodeOwner inode(
        sqfs_dir_writer_create_inode(directories_.get(), 0, kNoAttributes, parent));
    if (!inode) return library(SQFS_ERROR_ALLOC, "directory");
    if (inode->base.type == SQFS_INODE_DIR)
      inode->data.dir.nlink = links;
    else
      inode->data.dir_ext.nlink = links;
    return write_inode(node, *inode, S_IFDIR);
  }

  Status write_link(const PackNode& node) {
    const SqfsInodeOwner inode(static_cast<sqfs_inode_generic_t*>(
        std::calloc(1, sizeof(sqfs_inode_generic_t) + node.content.size())));
    if (!inode) return library(SQFS_ERROR_ALLOC, "link");
    inode->base.type = SQFS_INODE_SLINK;
    inode->data.slink.nlink = 1;
    inode->data.slink.target_size = static_cast<sqfs_u32>(node.content.size());
    inode->payload_bytes_available = inode->payload_bytes_used =
        static_cast<sqfs_u32>(node.content.size());
    std::memcpy(inode->extra, node.content.data(), node.content.size());
    return write_inode(node, *inode, S_IFLNK);
  }

  static std::uint16_t format_bits(NodeType type) {
    switch (type) {
      case NodeType::directory:
        return S_IFDIR;
      case NodeType::regular:
        return S_IFREG;
      case NodeType::symlink:
        break;
    }
    return S_IFLNK;
  }

  Status write_inode(const PackNode& node, sqfs_inode_generic_t& inode, std::uint32_t format) {
    inode.base.mode = static_cast<sqfs_u16>(format | node.mode);
    inode.base.mod_time =
        static_cast<sqfs_u32>(std::clamp<std::int64_t>(node.modified, 0, UINT32_MAX));
    inode.base.inode_number = numbers_[&node];
    YETT_CHECK(library(sqfs_id_table_id_to_index(ids_.get(), 0, &inode.base.uid_idx), "owner"));
    inode.base.gid_idx = inode.base.uid_idx;
    sqfs_u64 block = 0;
    sqfs_u32 offset = 0;
    sqfs_meta_writer_get_position(inodes_.get(), &block, &offset);
    references_[&node] = block << 16 | offset;
    return library(sqfs_meta_writer_write_inode(inodes_.get(), &inode), "inode");
  }

  Status finish() {
    YETT_CHECK(library(sqfs_meta_writer_flush(inodes_.get()), "inodes"));
    super_.root_inode_ref = references_[&tree_.root()];
    super_.directory_table_start = out_.size();
    YETT_CHECK(library(sqfs_meta_writer_flush(entries_.get()), "directories"));
    YETT_CHECK(library(sqfs_meta_write_write_to_file(entries_.get()), "directories"));
    YETT_CHECK(
        library(sqfs_frag_table_write(fragments_.get(), out_.file(), &super_, compressor_.get()),
                "fragments"));
    YETT_CHECK(
        library(sqfs_id_table_write(ids_.get(), out_.file(), &super_, compressor_.get()), "ids"));
    super_.bytes_used = out_.size();
    YETT_CHECK(library(sqfs_super_write(&super_, out_.file()), "superblock"));
    return library(out_.pad_to(SQFS_DEVBLK_SIZE) ? 0 : static_cast<int>(SQFS_ERROR_IO), "end");
  }

  struct FileInodes : std::map<const PackNode*, sqfs_inode_generic_t*> {
    ~FileInodes() {
      for (auto& [node, inode] : *this) sqfs_free(inode);
    }
  };

  const PackTree& tree_;
  const PackOptions& options_;
  PackTotals totals_;
  const PackProgress& progress_;
  SqfsOutput out_;
  sqfs_super_t super_{};
  SqfsOwner<sqfs_compressor_t> compressor_;
  SqfsOwner<sqfs_compressor_t> decompressor_;
  SqfsOwner<sqfs_block_writer_t> blocks_;
  SqfsOwner<sqfs_frag_table_t> fragments_;
  SqfsOwner<sqfs_id_table_t> ids_;
  SqfsOwner<sqfs_meta_writer_t> inodes_;
  SqfsOwner<sqfs_meta_writer_t> entries_;
  SqfsOwner<sqfs_dir_writer_t> directories_;
  FileInodes file_inodes_;
  SqfsOwner<sqfs_block_processor_t> processor_;  // ends first: its threads use all of the above
  std::map<const PackNode*, std::uint32_t> numbers_;
  std::map<const PackNode*, std::uint64_t> references_;
  std::vector<char> buffer_;
  std::uint64_t done_ = 0;
};

}  // namespace

Status write_squashfs(const PackTree& tree, const PackOptions& options, BorrowedFd output,
                      const PackProgress& progress) {
  return SquashfsWriter(tree, options, output, progress).run();
}

}  // namespace yett
