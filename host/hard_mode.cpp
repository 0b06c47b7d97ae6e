#include "host/hard_mode.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <climits>

#include "host/engine.h"
#include "host/error.h"
#include "host/file.h"

namespace host {

std::string fault_of_kept(const struct stat& stat) {
  if (!S_ISREG(stat.st_mode)) return "it is not a regular file";
  if (!owned_by_root(stat)) return "it belongs to user " + std::to_string(stat.st_uid) + ": chown root it";
  if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it: chmod go-w it";
  return {};
}

std::optional<Kept> kept_beside(const std::string& path) {
  Kept kept{kept_path(path), {}};
  struct stat stat {};
  if (path.empty() || lstat(kept.path.c_str(), &stat) != 0) return std::nullopt;
  kept.fault = fault_of_kept(stat);
  return kept;
}

bool is_hardened(const std::string& path) {
  try {
    constexpr FileRules rules{Owner::root, std::size_t{1} << 20U, ErrorKind::invalid_policy};
    const auto list = read_file(AT_FDCWD, hardened_list, rules, hardened_list);
    return list && ("\n" + list->text).find("\n" + path + "\n") != std::string::npos;
  } catch (const Error&) {
    return false;
  }
}

std::string own_path() {
  // Of a program that has been replaced since it was started the kernel names the old place so (d_path).
  constexpr std::string_view deleted = " (deleted)";
  char target[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", target, sizeof target);
  if (length <= 0) {
    const auto* const called = std::bit_cast<const char*>(getauxval(AT_EXECFN));
    return called == nullptr ? std::string() : without_links(called);
  }
  std::string path(target, static_cast<std::size_t>(length));
  if (path.ends_with(deleted)) path.resize(path.size() - deleted.size());
  return path.starts_with('/') ? path : std::string();  // "(unreachable)/…" where it is outside of our root
}

}  // namespace host
