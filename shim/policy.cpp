#include "shim/policy.h"

#include <dirent.h>
#include <fcntl.h>
#include <sha256.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>

#include "host/error.h"
#include "host/file.h"
#include "host/text.h"

namespace shim {

namespace {

constexpr std::size_t max_settings = std::size_t{1} << 20U;
constexpr std::size_t max_allowlist = std::size_t{16} << 20U;  // each file

config::Problem whole_file(const std::string& path, const std::string& message) { return {path, 0, 0, message}; }

// An Error of read_file's, which begins with the file's name, as a problem of that file.
config::Problem whole_file(const std::string& path, const host::Error& error) {
  return whole_file(path, std::string(error.what()).substr(path.size() + 2));
}

// The names of a folder's "*.json"; dot files are not among them, as in a shell. POSIX leaves it open whether readdir
// shows an entry that is replaced by rename(2) meanwhile, and how often: so a name counts once, and the folder is read
// twice.
std::set<std::string> json_files(DIR* folder) {
  std::set<std::string> names;
  for (int reading = 0; reading < 2; ++reading) {
    rewinddir(folder);
    while (const dirent* entry = readdir(folder)) {
      std::string name = entry->d_name;
      if (name.front() != '.' && name.ends_with(".json")) names.insert(std::move(name));
    }
  }
  return names;
}

// What is wrong with a folder: whoever may write to it may replace what is in it.
std::string folder_fault(const struct stat& stat, host::Owner owner) {
  const bool callers = owner == host::Owner::root_or_caller && stat.st_uid == geteuid();
  if (!host::owned_by_root(stat) && !callers) return "it must belong to root: chown root it";
  if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it: chmod go-w it";
  return {};
}

void add(SHA2_CTX& hash, const std::string& part) {
  const std::uint64_t size = part.size();  // so that parts cannot run into one another
  SHA256Update(&hash, reinterpret_cast<const std::uint8_t*>(&size), sizeof size);
  SHA256Update(&hash, reinterpret_cast<const std::uint8_t*>(part.data()), part.size());
}

constexpr const char* leads_nowhere = "it is a link that leads nowhere: mend it, or remove it";

// After ENOENT: whether a link is what leads nowhere.
bool is_link(const std::string& path) {
  struct stat stat {};
  return lstat(path.c_str(), &stat) == 0;
}

}  // namespace

Policy::Policy(std::string settings_path, std::string allowlist_path, host::Owner owner)
    : settings_path_(std::move(settings_path)), allowlist_path_(std::move(allowlist_path)), owner_(owner) {}

const config::SettingsFile& Policy::settings_file() const {
  if (!settings_) read_settings();
  return *settings_;
}

void Policy::read_settings() const {
  settings_.emplace();
  const std::string folder = settings_path_.substr(0, settings_path_.rfind('/') + 1);
  struct stat stat {};
  if (!folder.empty()) {
    std::string fault;
    if (::stat(folder.c_str(), &stat) == 0)
      fault = folder_fault(stat, owner_);
    else if (errno == ENOENT && is_link(folder.substr(0, folder.size() - 1)))
      fault = leads_nowhere;
    if (!fault.empty()) settings_->problems.push_back(whole_file(folder, fault));
  }
  if (!settings_->problems.empty()) return;
  try {
    const host::FileRules rules{owner_, max_settings, host::ErrorKind::invalid_policy};
    if (auto file = host::read_file(AT_FDCWD, settings_path_, rules, settings_path_)) {
      settings_ = config::parse_settings(settings_path_, file->text);
      settings_text_.push_back({settings_path_, std::move(file->text)});
    }
  } catch (const host::Error& error) {
    settings_->problems.push_back(whole_file(settings_path_, error));
  }
}

const config::Allowlist& Policy::allowlist() {
  if (!allowlist_) {
    read_allowlist_files();
    allowlist_.emplace();
    allowlist_->problems = unreadable_;
    for (const File& file : *allowlist_files_) config::parse_allowlist(file.path, file.text, *allowlist_);
  }
  return *allowlist_;
}

void Policy::read_allowlist_files() {
  if (allowlist_files_) return;
  allowlist_files_.emplace();
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(allowlist_path_.c_str()), closedir);
  if (!folder) {
    const int why = errno;
    if (why == ENOENT && is_link(allowlist_path_))
      unreadable_.push_back(whole_file(allowlist_path_, leads_nowhere));
    else if (why != ENOENT)
      unreadable_.push_back(whole_file(allowlist_path_, "it cannot be opened: " + host::reason(why)));
    return;
  }
  struct stat stat {};
  const std::string fault = fstat(dirfd(folder.get()), &stat) == 0 ? folder_fault(stat, owner_) : host::reason(errno);
  if (!fault.empty()) {
    unreadable_.push_back(whole_file(allowlist_path_, fault));
    return;
  }
  const host::FileRules rules{owner_, max_allowlist, host::ErrorKind::invalid_policy};
  for (const std::string& name : json_files(folder.get())) {
    const std::string path = allowlist_path_ + "/" + name;
    try {
      // A file that is gone by now was removed, which is not an error.
      if (auto file = host::read_file(dirfd(folder.get()), name, rules, path))
        allowlist_files_->push_back({path, std::move(file->text)});
    } catch (const host::Error& error) {
      unreadable_.push_back(whole_file(path, error));
    }
  }
}

std::string Policy::hash() {
  settings_file();
  read_allowlist_files();
  SHA2_CTX hash;
  SHA256Init(&hash);
  for (const auto* files : {&settings_text_, &*allowlist_files_}) {
    for (const File& file : *files) {
      add(hash, file.path);
      add(hash, file.text);
    }
  }
  char text[SHA256_DIGEST_STRING_LENGTH];
  return "sha256:" + std::string(SHA256End(&hash, text));
}

}  // namespace shim
