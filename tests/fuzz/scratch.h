// A folder in memory for readers that take files; below TMPDIR, if there is one, since libFuzzer ends without
// destructors.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "host/fd.h"

namespace fuzz {

class Scratch {
 public:
  explicit Scratch(const std::string& below = "") {
    const char* const above = std::getenv("TMPDIR");
    root_ = std::string(above == nullptr ? "/dev/shm" : above) + "/ipcguard-fuzz-XXXXXX";
    if (mkdtemp(root_.data()) == nullptr) std::abort();
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
    const host::Fd file(open((path_ + "/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  void remove(const std::string& name) const { unlink((path_ + "/" + name).c_str()); }

 private:
  std::string root_, path_;
};

}  // namespace fuzz
