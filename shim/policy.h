// The policy's files: settings and allowlist as they are on disk.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/allowlist.h"
#include "config/settings.h"
#include "host/file.h"

namespace shim {

class Policy {
 public:
  // The files are read when they are first asked for. Nothing is thrown: what is wrong is among the problems. No file
  // means the defaults. `owner` is whom the files and their folders may belong to: a policy that is only tried may be
  // its author's.
  explicit Policy(std::string settings_path = config::settings_path,
                  std::string allowlist_path = config::allowlist_path, host::Owner owner = host::Owner::root);

  const config::Settings& settings() const { return settings_file().settings; }
  // With one of these no container may be created.
  const config::Problems& settings_problems() const { return settings_file().problems; }

  // Most containers need no exception.
  const config::Allowlist& allowlist();

  // "sha256:…" of all the policy's files, by name and content.
  std::string hash();

 private:
  struct File {
    std::string path, text;
  };
  const config::SettingsFile& settings_file() const;
  void read_settings() const;
  void read_allowlist_files();

  std::string settings_path_, allowlist_path_;
  host::Owner owner_;
  mutable std::optional<config::SettingsFile> settings_;
  mutable std::vector<File> settings_text_;  // none or one
  std::optional<std::vector<File>> allowlist_files_;
  config::Problems unreadable_;  // allowlist files
  std::optional<config::Allowlist> allowlist_;
};

}  // namespace shim
