#include "host/trust.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>

#include "host/file.h"
#include "host/text.h"

namespace host {

namespace {

constexpr int max_links = 40;  // as the kernel has it (path_resolution(7))

std::string octal(mode_t mode) {
  std::string text;
  for (const unsigned shift : {9U, 6U, 3U, 0U}) text += static_cast<char>('0' + ((mode >> shift) & 7U));
  return text;
}

// `last`: nothing comes after it, so that a sticky bit does not protect what it holds.
std::optional<Weakness> weakness_here(const std::string& path, const struct stat& stat, bool last) {
  if (!owned_by_root(stat))
    return Weakness{path, "it belongs to user " + std::to_string(stat.st_uid), "chown -h root " + shell_word(path)};
  if (S_ISLNK(stat.st_mode)) return std::nullopt;  // its mode means nothing
  const bool writable = (stat.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool sticky = S_ISDIR(stat.st_mode) && (stat.st_mode & S_ISVTX) != 0;
  if (writable && (last || !sticky))
    return Weakness{path, "others may write to it (mode " + octal(stat.st_mode) + ")",
                    "chmod go-w " + shell_word(path)};
  return std::nullopt;
}

std::string target_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  return {target.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

}  // namespace

std::optional<Weakness> weakness_of(const std::string& path) {
  std::string rest = path, done;  // done: without a slash at its end; "" is the root
  struct stat stat {};
  if (lstat("/", &stat) == 0)
    if (auto weakness = weakness_here("/", stat, false)) return weakness;
  for (int links = 0; !rest.empty();) {
    const std::size_t begin = rest.find_first_not_of('/');
    if (begin == std::string::npos) break;
    const std::size_t end = std::min(rest.find('/', begin), rest.size());
    const std::string part = rest.substr(begin, end - begin);
    rest.erase(0, end);
    if (part == ".") continue;
    if (part == "..") {
      done.erase(std::min(done.rfind('/'), done.size()));
      continue;
    }
    const std::string here = done + "/" + part;
    if (lstat(here.c_str(), &stat) != 0) return std::nullopt;
    const bool last = rest.find_first_not_of('/') == std::string::npos;
    if (auto weakness = weakness_here(here, stat, last)) return weakness;
    if (!S_ISLNK(stat.st_mode)) {
      done = here;
    } else if (++links > max_links) {
      return std::nullopt;
    } else {
      const std::string target = target_of(here);
      if (target.starts_with('/')) done.clear();
      rest = target + rest;
    }
  }
  return std::nullopt;
}

std::optional<Weakness> privilege_of(const std::string& path) {
  struct stat stat {};
  if (::stat(path.c_str(), &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & (S_ISUID | S_ISGID)) != 0)
    return Weakness{path, "it is set-user-ID or set-group-ID (mode " + octal(stat.st_mode) + ")",
                    "chmod ug-s " + shell_word(path)};
  if (getxattr(path.c_str(), "security.capability", nullptr, 0) > 0)
    return Weakness{path, "it has file capabilities", "setcap -r " + shell_word(path)};
  return std::nullopt;
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  std::string shown = printable(text, PATH_MAX);
  if (!shown.empty() && shown.find_first_not_of(plain) == std::string::npos) return shown;
  std::string word = "'";
  for (const char letter : shown) word += letter == '\'' ? std::string(R"('\'')") : std::string(1, letter);
  return word + "'";
}

}  // namespace host
