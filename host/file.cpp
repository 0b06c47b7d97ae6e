#include "host/file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdlib>

#include "host/text.h"

namespace host {

std::string kernel_file(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  const ssize_t got = fd ? read(fd.get(), buffer, sizeof buffer) : 0;
  return {buffer, static_cast<std::size_t>(got > 0 ? got : 0)};
}

namespace {

// Whether files whose owner has no number in this user namespace are to be expected: only the initial one, and one that
// maps everybody, has the whole range in one line "0 0 4294967295".
bool in_partial_user_namespace() {
  const std::string map = kernel_file("/proc/self/uid_map");
  return !map.empty() && std::strtoul(map.c_str() + map.find_last_of(' '), nullptr, 10) != 4294967295UL;
}

// What is wrong with who owns it; empty if nothing.
std::string owner_fault(const struct stat& stat, Owner owner) {
  const bool caller = owner == Owner::root_or_caller;
  if (!owned_by_root(stat) && !(caller && stat.st_uid == geteuid()))
    return "it belongs to user " + std::to_string(stat.st_uid) + "; " +
           (caller ? "it must belong to root or to the caller" : "it must belong to root: chown root it");
  // The caller's own group may write to a bundle (umask 002 with user private groups).
  const bool group_is_ours = caller && (stat.st_gid == 0 || stat.st_gid == getegid());
  if ((stat.st_mode & S_IWOTH) != 0 || ((stat.st_mode & S_IWGRP) != 0 && !group_is_ours))
    return "others may write to it: chmod go-w it";
  return {};
}

}  // namespace

bool owned_by_root(const struct stat& stat) {
  if (stat.st_uid == 0) return true;
  const std::string overflow = kernel_file("/proc/sys/kernel/overflowuid");
  return !overflow.empty() && stat.st_uid == std::strtoul(overflow.c_str(), nullptr, 10) && in_partial_user_namespace();
}

std::optional<Bytes> read_file(int folder, const std::string& path, const FileRules& rules, const std::string& name) {
  const auto fail = [&](const std::string& why) { return Error(rules.kind, name + ": " + why); };
  // O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOCTTY: a terminal must not become ours.
  const Fd fd(openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  Bytes bytes;
  if (!fd && errno == ENOENT) {
    // A file that is there now has been put there since.
    if (fstatat(folder, path.c_str(), &bytes.stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(bytes.stat.st_mode))
      throw fail("it is a link that leads nowhere");
    return std::nullopt;
  }
  if (!fd || fstat(fd.get(), &bytes.stat) != 0) throw fail("it cannot be opened: " + reason(errno));
  if (!S_ISREG(bytes.stat.st_mode)) throw fail("it is not a regular file");
  if (const std::string fault = owner_fault(bytes.stat, rules.owner); !fault.empty()) throw fail(fault);
  const auto size = static_cast<std::size_t>(bytes.stat.st_size);
  if (size > rules.limit)
    throw fail("it is larger than " + std::to_string(rules.limit >> 20U) + " MiB, the most that is read");
  bytes.text.resize(size + 1);  // one more, so that growth shows
  std::size_t got = 0;
  while (got <= size) {
    const ssize_t n = read(fd.get(), bytes.text.data() + got, bytes.text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw fail("it cannot be read: " + reason(errno));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  if (got != size) throw fail("it changed while it was read");
  bytes.text.resize(size);
  return bytes;
}

bool only_root_can_change(const std::string& path) {
  if (path.empty() || path.front() != '/') return false;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    struct stat stat {};
    if (lstat(path.substr(0, end).c_str(), &stat) != 0 || S_ISLNK(stat.st_mode) || !owned_by_root(stat)) return false;
    const bool last = end == std::string::npos;
    if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (last || (stat.st_mode & S_ISVTX) == 0)) return false;
  }
  struct stat root {};
  return lstat("/", &root) == 0 && owned_by_root(root) && (root.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0) return;  // open takes the lowest free one
}

}  // namespace host
