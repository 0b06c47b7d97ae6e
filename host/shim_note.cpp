#include "host/shim_note.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "host/fd.h"

namespace host {

namespace {

// More than any program has; what lies beyond is not looked at.
constexpr std::size_t max_headers = 64, max_notes = 4096;

std::string read_at(int fd, ElfW(Off) offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::vector<ElfW(Phdr)> segments_of(int fd) {
  ElfW(Ehdr) header{};
  const std::string bytes = read_at(fd, 0, sizeof header);
  if (bytes.size() != sizeof header || bytes.compare(0, SELFMAG, ELFMAG) != 0) return {};
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.e_phentsize != sizeof(ElfW(Phdr))) return {};  // 32 bits, for instance
  const std::size_t count = std::min<std::size_t>(header.e_phnum, max_headers);
  const std::string table = read_at(fd, header.e_phoff, count * sizeof(ElfW(Phdr)));
  std::vector<ElfW(Phdr)> segments(table.size() / sizeof(ElfW(Phdr)));
  if (!segments.empty()) std::memcpy(segments.data(), table.data(), segments.size() * sizeof(ElfW(Phdr)));
  return segments;
}

}  // namespace

bool is_shim(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat stat {};
  if (!fd || fstat(fd.get(), &stat) != 0 || !S_ISREG(stat.st_mode)) return false;
  const ShimNote note;
  const std::string_view wanted(reinterpret_cast<const char*>(&note), sizeof note);
  const auto segments = segments_of(fd.get());
  return std::any_of(segments.begin(), segments.end(), [&](const ElfW(Phdr) & segment) {
    if (segment.p_type != PT_NOTE) return false;
    const std::string notes = read_at(fd.get(), segment.p_offset, std::min<std::size_t>(segment.p_filesz, max_notes));
    return notes.find(wanted) != std::string::npos;
  });
}

}  // namespace host
