// /etc/ipcguard/config.json: how this host is guarded. README.md, "Settings", describes the file.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "config/document.h"
#include "config/vocabulary.h"
#include "host/engine.h"

namespace config {

constexpr const char* settings_path = "/etc/ipcguard/config.json";
constexpr const char* default_runtime = "/usr/bin/runc";

struct Settings {
  Mode mode = Mode::enforce;

  // Real runtimes by name; invoked as ipcguard-runtime.NAME the shim execs NAME's, otherwise "default".
  std::map<std::string, std::string> runtimes = {{"default", default_runtime}};

  // What to do about each exposure, by ExposureKind.
  std::array<Action, exposure_names.size()> actions = {Action::refuse, Action::refuse, Action::refuse,
                                                       Action::refuse, Action::warn,   Action::warn};

  // Options of this host's runtimes that the shim does not know: "--name" to whether a value follows it.
  std::map<std::string, bool> runtime_options;

  struct Log {
    std::string file = "/var/log/ipcguard/decisions.jsonl";
    bool syslog = false;
    bool everything = false;  // also plain private containers
  } log;

  host::EngineFolders engines;

  Action action_for(ExposureKind kind) const { return actions[static_cast<std::size_t>(kind)]; }
};

struct SettingsFile {
  Settings settings;  // with problems: the defaults, and the runtimes that could be read
  Problems problems;
};

// Reads the text of a settings file; `file` names it in problems.
SettingsFile parse_settings(const std::string& file, std::string_view text);

}  // namespace config
