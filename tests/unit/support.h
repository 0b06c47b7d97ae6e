// What several tests need: files to be thrown away, processes to look at, errors as text.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "host/namespaces.h"

namespace tests {

// AddressSanitizer takes memory as it likes, and is let: see host/sandbox.cpp.
#ifdef __SANITIZE_ADDRESS__
constexpr bool under_asan = true;
#else
constexpr bool under_asan = false;
#endif

constexpr unsigned nobody = 65534;

// A folder that is removed with all that is in it. It is root's, and mode 0755.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  // Writes a file in it, folders on the way included, and returns its path.
  std::string write(std::string_view name, std::string_view text, mode_t mode = 0644) const;

 private:
  std::string path_;
};

// A process that does nothing until it is killed at the end of the scope, in IPC namespaces of its own if so wished.
class Sleeper {
 public:
  enum class Ipc { shared, own };
  explicit Sleeper(Ipc ipc = Ipc::own);
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper();

  pid_t pid() const { return pid_; }
  std::string proc(std::string_view file) const;  // "/proc/PID/FILE"
  std::string ipc_path() const { return proc("ns/ipc"); }
  host::NamespaceId ipc() const;
  std::uint64_t start_time() const;  // field 22 of proc_pid_stat(5)

 private:
  pid_t pid_ = -1;
};

// What `work` returns in a forked child, which may change about itself what it likes. An Error it throws is returned as
// failure() has it; a child that dies is "died".
std::string in_child(const std::function<std::string()>& work);

// "KIND: MESSAGE" of the host::Error that `work` throws, "" if it throws none.
std::string failure(const std::function<void()>& work);
// The same, "KIND" alone.
std::string kind_of_failure(const std::function<void()>& work);

std::string read_whole(const std::string& path);
// A file of tests/unit/data.
std::string data(std::string_view name);

std::string as_text(const host::NamespaceId& id);
host::NamespaceId ipc_of_path(const std::string& path);

// Whether it has one of the phrases that engines take for errors of their own (design 7).
bool has_forbidden_phrase(std::string_view text);

// The first bytes of `text` where it is as long as it is of no use in a message.
std::string shown(std::string_view text);

}  // namespace tests
