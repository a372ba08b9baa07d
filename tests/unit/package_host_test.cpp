// What programs of a host need: ELF files and the cache of ld.so made up here, byte by byte.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "sandbox/package/pack/elf_file.hpp"
#include "sandbox/package/pack/host_data.hpp"
#include "sandbox/package/pack/host_programs.hpp"
#include "sandbox/package/pack/library_search.hpp"
#include "sandbox/package/pack/pack_tree.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HostFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "yett-host-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& content) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  // A 64-bit ELF file with an interpreter, two needed libraries and a run path.
  static std::string elf() {
    const std::string strings("\0libone.so.1\0libtwo.so\0$ORIGIN/../lib:/opt/lib\0", 47);
    const std::string interpreter("/lib64/ld.so\0", 13);
    struct Layout {
      Elf64_Ehdr header;
      Elf64_Phdr segments[3];
      Elf64_Dyn dynamic[6];
    } layout{};
    const std::uint64_t text_at = sizeof layout;
    std::memcpy(layout.header.e_ident, ELFMAG, SELFMAG);
    layout.header.e_ident[EI_CLASS] = ELFCLASS64;
    layout.header.e_type = ET_DYN;
    layout.header.e_machine = EM_X86_64;
    layout.header.e_phoff = offsetof(Layout, segments);
    layout.header.e_phentsize = sizeof(Elf64_Phdr);
    layout.header.e_phnum = 3;
    constexpr std::uint64_t kAddress = 0x10000;
    layout.segments[0] = {.p_type = PT_LOAD, .p_vaddr = kAddress, .p_filesz = 4096};
    layout.segments[1] = {
        .p_type = PT_INTERP, .p_offset = text_at + strings.size(), .p_filesz = interpreter.size()};
    layout.segments[2] = {.p_type = PT_DYNAMIC,
                          .p_offset = offsetof(Layout, dynamic),
                          .p_filesz = sizeof layout.dynamic};
    layout.dynamic[0] = {DT_NEEDED, {1}};
    layout.dynamic[1] = {DT_NEEDED, {13}};
    layout.dynamic[2] = {DT_RUNPATH, {23}};
    layout.dynamic[3] = {DT_STRTAB, {kAddress + text_at}};
    layout.dynamic[4] = {DT_STRSZ, {strings.size()}};
    layout.dynamic[5] = {DT_NULL, {0}};
    std::string file(sizeof layout, '\0');
    std::memcpy(file.data(), &layout, sizeof layout);
    return file + strings + interpreter;
  }

  std::string directory_;
};

TEST_F(HostFiles, ElfNeedsAreRead) {
  const auto needs = read_elf_needs(write("program", elf()));
  ASSERT_TRUE(needs && *needs);
  EXPECT_EQ((*needs)->interpreter, "/lib64/ld.so");
  EXPECT_THAT((*needs)->libraries, ElementsAre("libone.so.1", "libtwo.so"));
  EXPECT_THAT((*needs)->run_path, ElementsAre("$ORIGIN/../lib", "/opt/lib"));
}

TEST_F(HostFiles, OtherFilesAreNoElf) {
  for (const std::string& content :
       {std::string(), std::string("#!/bin/sh\n"), elf().substr(0, 10)}) {
    const auto needs = read_elf_needs(write("other", content));
    ASSERT_TRUE(needs);
    EXPECT_FALSE(*needs);
  }
}

TEST_F(HostFiles, DamagedElfIsAnErrorAndNoCrash) {
  const std::string whole = elf();
  int errors = 0;
  for (std::size_t length = 0; length < whole.size(); length += 7)
    if (!read_elf_needs(write("cut", whole.substr(0, length)))) ++errors;
  EXPECT_GT(errors, 0);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(~flipped[at]);
    (void)read_elf_needs(write("flipped", flipped));
  }
}

TEST_F(HostFiles, ShebangIsSplit) {
  EXPECT_THAT(read_shebang(write("a", "#! /usr/bin/env python3\nx")).value(),
              ElementsAre("/usr/bin/env", "python3"));
  EXPECT_THAT(read_shebang(write("b", "echo")).value(), IsEmpty());
  EXPECT_THAT(read_shebang(write("c", "")).value(), IsEmpty());
}

// A cache as ldconfig writes it, with one entry for a library that exists and one of 32 bits.
TEST_F(HostFiles, CacheOfTheLinkerIsSearched) {
  const std::string library = write("libone.so.1", "x");
  std::string cache("glibc-ld.so.cache1.1");
  const auto put = [&cache](std::uint32_t value) {
    cache.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const std::string strings = std::string("libone.so.1") + '\0' + library + '\0';
  put(2);
  put(static_cast<std::uint32_t>(strings.size()));
  for (int i = 0; i < 5; ++i) put(0);
  const auto names_at = static_cast<std::uint32_t>(48 + 2 * 24);
  for (const std::uint32_t flags : {0x0303U, 0x0003U}) {
    put(flags);
    put(names_at);
    put(names_at + 12);
    for (int i = 0; i < 3; ++i) put(0);
  }
  cache += strings;
  const LibrarySearch search(cache);
  EXPECT_EQ(search.cached(), 1U);
  EXPECT_EQ(search.find("libone.so.1", "/bin/x", {}), library);
  EXPECT_FALSE(search.find("libnone.so.1", "/bin/x", {}));
  for (std::size_t length = 0; length < cache.size(); length += 3)
    (void)LibrarySearch(std::string_view(cache).substr(0, length));
}

TEST_F(HostFiles, OriginIsTheDirectoryOfWhoAsks) {
  fs::create_directories(directory_ + "/lib");
  fs::create_directories(directory_ + "/bin");
  write("lib/libx.so", "x");
  const auto found =
      LibrarySearch("").find("libx.so", directory_ + "/bin/program", {"$ORIGIN/../lib"});
  EXPECT_EQ(found, directory_ + "/bin/../lib/libx.so");
}

TEST(HostPrograms, ClosureOfAShellIsWhole) {
  PackTree tree;
  HostProgramNotes notes;
  const auto real = add_host_programs(tree, {"sh"}, notes);
  ASSERT_TRUE(real) << real.error().message();
  EXPECT_THAT(notes.missing_libraries, IsEmpty());
  EXPECT_NE(tree.find(real->at(0)), nullptr);
  const auto needs = read_elf_needs(real->at(0));
  ASSERT_TRUE(needs && *needs);
  const LibrarySearch search = LibrarySearch::of_host();
  for (const std::string& library : (*needs)->libraries) {
    const auto path = search.find(library, real->at(0), {});
    ASSERT_TRUE(path) << library;
    EXPECT_NE(tree.find(fs::canonical(*path).string()), nullptr) << *path;
  }
}

TEST(HostPrograms, UnknownProgramIsNamed) {
  const auto found = find_host_program("no-such-program");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().subject, "no-such-program");
}

TEST(HostData, KnowsWhatPythonAndCompilersRead) {
  EXPECT_THAT(data_of_program("/usr/bin/python3.11").trees, ElementsAre("/usr/lib/python3.11"));
  EXPECT_THAT(data_of_program("/usr/bin/x86_64-linux-gnu-gcc-12").trees,
              Contains("/usr/lib/gcc/x86_64-linux-gnu/12"));
  EXPECT_THAT(data_of_program("/usr/bin/true").trees, IsEmpty());
  EXPECT_TRUE(is_spare("/usr/lib/python3.11/config-3.11-x86_64-linux-gnu"));
  EXPECT_FALSE(is_spare("/usr/lib/python3.11/json"));
}

TEST(PackTree, KeepsItsRules) {
  PackTree tree;
  EXPECT_TRUE(tree.add_content("/a/b/c", "x"));
  EXPECT_FALSE(tree.add_content("/a/b", "x"));
  EXPECT_FALSE(tree.add_content("/a/b/c/d", "x"));
  EXPECT_FALSE(tree.add_content("/a/../b", "x"));
  EXPECT_FALSE(tree.add_content("/", "x"));
  EXPECT_NE(tree.find("/a/b/c"), nullptr);
  EXPECT_EQ(tree.find("/a/x"), nullptr);
  EXPECT_EQ(tree.totals().files, 1U);
  EXPECT_EQ(tree.totals().bytes, 1U);
}

}  // namespace
}  // namespace yett
