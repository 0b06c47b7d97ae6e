#include "engines/record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engines/files.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

using Json = nlohmann::ordered_json;

std::string records_folder(const std::string& root) { return root + "/var/lib/ipcguard/configured"; }

std::string above(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

Json as_json(const std::optional<std::string>& text) { return text ? Json(*text) : Json(nullptr); }

}  // namespace

bool Record::File::is_ours(const Text& now) const {
  return now && std::find(written.begin(), written.end(), sha256(*now)) != written.end();
}

Record::Record(const std::string& engine, const std::string& root)
    : parent_(records_folder(root)), folder_(parent_ + "/" + engine) {
  const std::string path = folder_ + "/record.json";
  const Text text = read_text(path);
  if (!text) return;
  try {
    const Json json = Json::parse(*text);
    wish.name = json.at("name");
    wish.shim = json.at("shim");
    wish.config = json.at("config");
    folders = json.at("folders");
    for (const Json& file : json.at("files")) {
      File& one = files_.emplace_back();
      one.path = file.at("path");
      if (!file.at("original").is_null()) one.original = file.at("original");
      one.written = file.at("written");
    }
  } catch (const Json::exception&) {
    throw host::Error(host::ErrorKind::invalid_config,
                      path + ": it is not as ipcguard wrote it; move it away to go on without it");
  }
  there_ = true;
}

const Record::File* Record::find(const std::string& path) const {
  const auto found = std::find_if(files_.begin(), files_.end(), [&](const File& file) { return file.path == path; });
  return found == files_.end() ? nullptr : &*found;
}

Text Record::original_of(const File& file) const {
  if (!file.original) return std::nullopt;
  const std::string path = folder_ + "/original-" + *file.original;
  Text text = read_text(path);
  if (!text || sha256(*text) != *file.original)
    throw host::Error(host::ErrorKind::invalid_config, path + ": the copy of " + file.path +
                                                           " is gone or changed; put the file right by hand and move " +
                                                           folder_ + " away");
  return text;
}

void Record::remember(const std::string& path, const Text& now, const Text& text, const Text& original) {
  File file{path, std::nullopt, {}};
  const auto old = std::find_if(files_.begin(), files_.end(), [&](const File& one) { return one.path == path; });
  if (now && ((old != files_.end() && old->is_ours(now)))) file.written.push_back(sha256(*now));
  if (text) file.written.push_back(sha256(*text));
  make_folders(folder_);
  if (original) {
    file.original = sha256(*original);
    replace_file(folder_ + "/original-" + *file.original, *original);
  }
  if (old == files_.end())
    files_.push_back(std::move(file));
  else
    *old = std::move(file);
  save();
}

void Record::save() {
  Json files = Json::array();
  for (const File& file : files_)
    files.push_back({{"path", file.path}, {"original", as_json(file.original)}, {"written", file.written}});
  const Json json = {
      {"name", wish.name}, {"shim", wish.shim}, {"config", wish.config}, {"folders", folders}, {"files", files}};
  make_folders(folder_);
  replace_file(folder_ + "/record.json", json.dump(2) + "\n");
  there_ = true;
}

void Record::drop() {
  // First the record: without it the copies mean nothing.
  remove_file(folder_ + "/record.json");
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  // While there is something else in them these fail, as they should.
  rmdir(parent_.c_str());
  rmdir(above(parent_).c_str());
  files_.clear();
  there_ = false;
}

RecordLock::RecordLock(const std::string& root) {
  const std::string folder = records_folder(root);
  const auto fault = [&](const char* what) {
    return host::Error(host::ErrorKind::unverifiable, folder + ": it cannot be " + what + ": " + host::reason(errno));
  };
  for (;;) {
    make_folders(above(folder));
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) throw fault("made");
    fd_ = host::Fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat locked {
    }, there{};
    if (!fd_ || flock(fd_.get(), LOCK_EX) != 0 || fstat(fd_.get(), &locked) != 0) throw fault("locked");
    // Whoever had it may have removed it.
    if (stat(folder.c_str(), &there) == 0 && there.st_ino == locked.st_ino) return;
  }
}

}  // namespace engines
