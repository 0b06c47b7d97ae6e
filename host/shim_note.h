// How a copy of ipcguard-runtime is recognised, whatever its name, place and version: by an ELF note (elf(5)) in it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace host {

// The note as it stands in the file: its name, with the NUL, and no description.
struct ShimNote {
  std::uint32_t name_size = 9, description_size = 0, type = 1;
  std::array<char, 12> name = {'i', 'p', 'c', 'g', 'u', 'a', 'r', 'd'};  // filled up to a multiple of 4
};

// Whether the program at `path`, links followed, is ipcguard-runtime. False for what cannot be read and is no file.
bool is_shim(const std::string& path);

}  // namespace host
