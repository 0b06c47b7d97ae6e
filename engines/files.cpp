#include "engines/files.h"

#include <fcntl.h>
#include <sha2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "host/error.h"
#include "host/fd.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr std::size_t max_file = 16U << 20U;

host::Error fault(const std::string& path, const std::string& what, int error_number = errno) {
  return {host::ErrorKind::unverifiable, path + ": " + what + ": " + host::reason(error_number)};
}

std::string folder_of(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

// Where a file that could not be made without a name, or not yet renamed, stands.
std::string new_name(const std::string& path) { return path + ".ipcguard-new"; }

// Owner, mode and extended attributes (ACLs, SELinux labels) of `from`. The owner first: a change of it clears the
// set-user-ID bits of the mode.
void copy_attributes(int from, int to, const std::string& path) {
  struct stat stat {};
  if (fstat(from, &stat) != 0 || fchown(to, stat.st_uid, stat.st_gid) != 0 || fchmod(to, stat.st_mode & 07777U) != 0)
    throw fault(path, "its owner and mode cannot be kept");
  std::string names(65536, '\0'), value(65536, '\0');  // the most that there can be (xattr(7))
  const ssize_t size = flistxattr(from, names.data(), names.size());
  names.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
    const char* name = names.data() + at;
    const ssize_t got = fgetxattr(from, name, value.data(), value.size());
    if (got < 0 || fsetxattr(to, name, value.data(), static_cast<std::size_t>(got), 0) != 0)
      throw fault(path, "its attribute " + host::quoted(name) + " cannot be kept");
  }
}

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw fault(path, "it cannot be written and stays as it was");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void sync_folder(const std::string& path) {
  const host::Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0) throw fault(path, "it cannot be synced");
}

Text read_text(const std::string& path) {
  const auto wrong = [&](const std::string& why) {
    return host::Error(host::ErrorKind::invalid_config, path + ": " + why);
  };
  const host::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  struct stat stat {};
  if (!fd || fstat(fd.get(), &stat) != 0) throw wrong("it cannot be opened: " + host::reason(errno));
  if (!S_ISREG(stat.st_mode)) throw wrong("it is not a regular file");
  std::string text;
  char buffer[65536];
  ssize_t n = 0;
  while ((n = read(fd.get(), buffer, sizeof buffer)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw wrong("it cannot be read: " + host::reason(errno));
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > max_file) throw wrong("it is larger than 16 MiB");
  }
  return text;
}

std::string resolved(const std::string& path) {
  std::error_code error;
  std::filesystem::path at = path;
  // weakly_canonical does not follow a link that leads to what is not there yet.
  for (int links = 0; links < 40; ++links) {
    at = std::filesystem::weakly_canonical(at, error);
    if (error) break;
    if (!std::filesystem::is_symlink(at, error)) return at.string();
    at = at.parent_path() / std::filesystem::read_symlink(at, error);
  }
  throw host::Error(host::ErrorKind::invalid_config, path + ": its links cannot be followed");
}

void replace_file(const std::string& path, const std::string& text) {
  const std::string folder = folder_of(path), beside = new_name(path);
  unlink(beside.c_str());  // of a run that broke off
  // Without a name until it is whole: some engines read every file of a drop-in folder. Not every file system can.
  host::Fd fd(open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  const bool named = !fd && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT);
  if (named) fd = host::Fd(open(beside.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd) throw fault(path, "no file can be made beside it");
  try {
    write_all(fd.get(), text, path);
    if (const host::Fd old(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)); old)
      copy_attributes(old.get(), fd.get(), path);
    else if (errno != ENOENT || fchmod(fd.get(), 0644) != 0)
      throw fault(path, "it cannot be replaced");
    if (fsync(fd.get()) != 0) throw fault(path, "it cannot be written and stays as it was");
    const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
    if (!named && linkat(AT_FDCWD, self.c_str(), AT_FDCWD, beside.c_str(), AT_SYMLINK_FOLLOW) != 0)
      throw fault(path, "no file can be made beside it");
    if (rename(beside.c_str(), path.c_str()) != 0) throw fault(path, "it cannot be replaced");
  } catch (...) {
    unlink(beside.c_str());
    throw;
  }
  sync_folder(folder);
}

void remove_file(const std::string& path) {
  unlink(new_name(path).c_str());
  if (unlink(path.c_str()) == 0)
    sync_folder(folder_of(path));
  else if (errno != ENOENT && errno != ENOTDIR)
    throw fault(path, "it cannot be removed");
}

std::vector<std::string> missing_folders(const std::string& path) {
  std::vector<std::string> missing;
  struct stat stat {};
  for (std::string at = path; at.size() > 1 && lstat(at.c_str(), &stat) != 0; at = folder_of(at))
    missing.insert(missing.begin(), at);
  return missing;
}

void make_folders(const std::string& path) {
  for (const std::string& folder : missing_folders(path)) {
    if ((mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) || chmod(folder.c_str(), 0755) != 0)
      throw fault(folder, "it cannot be made");
    sync_folder(folder_of(folder));
  }
}

MemoryFile::MemoryFile(const std::string& text) : fd_(memfd_create("ipcguard", MFD_CLOEXEC)) {
  if (!fd_) throw fault("memory", "no file can be made in it");
  write_all(fd_.get(), text, "memory");
}

// By our number: the other program's own descriptors are others.
std::string MemoryFile::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get());
}

std::string sha256(const std::string& text) {
  char hash[SHA256_DIGEST_STRING_LENGTH];
  return SHA256Data(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), hash);
}

}  // namespace engines
