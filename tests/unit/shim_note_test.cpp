#include "host/shim_note.h"

#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

namespace {

template <class Part>
std::string bytes_of(const Part& part) {
  return {reinterpret_cast<const char*>(&part), sizeof part};
}

// A program with one segment of `type` that holds the note, and what `change` does to its headers.
std::string program(ElfW(Word) type, void (*change)(ElfW(Ehdr) & header, ElfW(Phdr) & segment) = nullptr) {
  ElfW(Ehdr) header{};
  std::copy_n(ELFMAG, SELFMAG, header.e_ident);
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(ElfW(Phdr));
  header.e_phnum = 1;
  ElfW(Phdr) segment{};
  segment.p_type = type;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = sizeof(host::ShimNote);
  if (change != nullptr) change(header, segment);
  return bytes_of(header) + bytes_of(segment) + bytes_of(host::ShimNote{});
}

}  // namespace

TEST_CASE("a program is the shim if a segment of notes holds ours") {
  const tests::TempFolder folder;
  CHECK(host::is_shim(folder.write("shim", program(PT_NOTE))));
  CHECK_FALSE(host::is_shim(folder.write("other", program(PT_LOAD))));
  CHECK_FALSE(host::is_shim("/proc/self/exe"));
  CHECK_FALSE(host::is_shim("/bin/sh"));
}

TEST_CASE("what is no sound program is not the shim, and does no harm") {
  const tests::TempFolder folder;
  const std::string whole = program(PT_NOTE);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(host::is_shim(folder.write("cut", whole.substr(0, size))));
  }
  const auto odd = [&](void (*change)(ElfW(Ehdr) & header, ElfW(Phdr) & segment)) {
    return host::is_shim(folder.write("odd", program(PT_NOTE, change)));
  };
  CHECK_FALSE(odd([](ElfW(Ehdr) & header, ElfW(Phdr)&) { header.e_phoff = ~ElfW(Off){0}; }));
  CHECK_FALSE(odd([](ElfW(Ehdr) & header, ElfW(Phdr)&) { header.e_phentsize = 32; }));
  CHECK(odd([](ElfW(Ehdr) & header, ElfW(Phdr)&) { header.e_phnum = 0xffff; }));
  CHECK_FALSE(odd([](ElfW(Ehdr)&, ElfW(Phdr) & segment) { segment.p_offset = ~ElfW(Off){0}; }));
  CHECK(odd([](ElfW(Ehdr)&, ElfW(Phdr) & segment) { segment.p_filesz = ~std::size_t{0}; }));
  CHECK_FALSE(host::is_shim(folder / "none"));
  CHECK_FALSE(host::is_shim(folder.path()));
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(host::is_shim(folder / "fifo"));
}
