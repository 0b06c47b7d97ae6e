// A folder in memory for readers that take files.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace fuzz {

class Scratch {
 public:
  explicit Scratch(const std::string& below = "") {
    char name[] = "/dev/shm/ipcguard-fuzz-XXXXXX";
    if (mkdtemp(name) == nullptr) std::abort();
    root_ = name;
    path_ = below.empty() ? root_ : root_ + "/" + below;
    std::filesystem::create_directories(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  const std::string& root() const { return root_; }
  const std::string& path() const { return path_; }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary | std::ios::trunc)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  void remove(const std::string& name) const { std::filesystem::remove(path_ + "/" + name); }

 private:
  std::string root_, path_;
};

}  // namespace fuzz
