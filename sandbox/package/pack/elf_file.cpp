#include "sandbox/package/pack/elf_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>

#include "base/unique_fd.hpp"
#include "sandbox/package/image_bytes.hpp"

namespace yett {
namespace {

constexpr std::size_t kMaxTableBytes = 1U << 20;
constexpr std::size_t kMaxStringBytes = 64U << 20;  // node exports 5 MiB of names

struct OpenFile {
  UniqueFd fd;
  std::uint64_t size = 0;
};

Result<OpenFile> open_regular(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return fail(errno_error("open", path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail(errno_error("stat", path));
  const bool regular = S_ISREG(status.st_mode);
  return OpenFile{std::move(fd), regular ? static_cast<std::uint64_t>(status.st_size) : 0};
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

class ElfReader {
 public:
  ElfReader(const ImageBytes& bytes, const Elf64_Ehdr& header) : bytes_(bytes), header_(header) {}

  std::optional<ElfNeeds> read() {
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum > 512) return std::nullopt;
    segments_.resize(header_.e_phnum);
    if (!read_array(header_.e_phoff, std::span(segments_))) return std::nullopt;
    ElfNeeds needs;
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type == PT_INTERP && !read_interpreter(segment, needs)) return std::nullopt;
      if (segment.p_type == PT_DYNAMIC && !read_dynamic(segment, needs)) return std::nullopt;
    }
    return needs;
  }

 private:
  template <typename Item>
  bool read_array(std::uint64_t offset, std::span<Item> into) const {
    return bytes_.read_at(offset, std::as_writable_bytes(into));
  }

  bool read_interpreter(const Elf64_Phdr& segment, ElfNeeds& needs) const {
    if (segment.p_filesz == 0 || segment.p_filesz > 4096) return false;
    needs.interpreter.resize(segment.p_filesz);
    if (!read_array(segment.p_offset, std::span(needs.interpreter))) return false;
    needs.interpreter.resize(std::strlen(needs.interpreter.c_str()));
    return true;
  }

  bool read_dynamic(const Elf64_Phdr& segment, ElfNeeds& needs) const {
    if (segment.p_filesz > kMaxTableBytes) return false;
    std::vector<Elf64_Dyn> entries(segment.p_filesz / sizeof(Elf64_Dyn));
    if (!read_array(segment.p_offset, std::span(entries))) return false;
    const auto end = std::ranges::find(entries, DT_NULL, &Elf64_Dyn::d_tag);
    entries.erase(end, entries.end());
    const std::string strings = read_strings(entries);
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_RUNPATH && entry.d_tag != DT_RPATH)
        continue;
      if (entry.d_un.d_val >= strings.size()) return false;
      const std::string text(strings.c_str() + entry.d_un.d_val);
      if (entry.d_tag == DT_NEEDED)
        needs.libraries.push_back(text);
      else
        needs.run_path = split(text, ':');
    }
    return true;
  }

  std::string read_strings(std::span<const Elf64_Dyn> entries) const {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_STRTAB) address = entry.d_un.d_ptr;
      if (entry.d_tag == DT_STRSZ) size = entry.d_un.d_val;
    }
    const auto offset = file_offset(address);
    if (!offset || size > kMaxStringBytes) return {};
    std::string strings(size, '\0');
    return read_array(*offset, std::span(strings)) ? strings : std::string{};
  }

  std::optional<std::uint64_t> file_offset(std::uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    return std::nullopt;
  }

  const ImageBytes& bytes_;
  const Elf64_Ehdr& header_;
  std::vector<Elf64_Phdr> segments_;
};

}  // namespace

Result<std::optional<ElfNeeds>> read_elf_needs(const std::string& path) {
  YETT_TRY(const OpenFile file, open_regular(path));
  const FileBytes bytes(file.fd.borrow(), file.size);
  Elf64_Ehdr header{};
  if (!bytes.read_at(0, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64) return std::nullopt;
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return std::nullopt;
  auto needs = ElfReader(bytes, header).read();
  if (!needs) return fail(request_error(path, "is a damaged ELF file"));
  return needs;
}

Result<std::vector<std::string>> read_shebang(const std::string& path) {
  YETT_TRY(const OpenFile file, open_regular(path));
  std::string head(std::min<std::uint64_t>(file.size, 256), '\0');
  if (!FileBytes(file.fd.borrow(), file.size).read_at(0, std::as_writable_bytes(std::span(head))))
    return fail(errno_error("read", path));
  if (!head.starts_with("#!")) return std::vector<std::string>{};
  std::string line = head.substr(2, head.find('\n') - 2);
  std::ranges::replace(line, '\t', ' ');
  std::ranges::replace(line, '\r', ' ');
  return split(line, ' ');
}

}  // namespace yett
