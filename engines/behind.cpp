#include "engines/behind.h"

#include <sys/stat.h>

#include <filesystem>

#include "config/settings.h"
#include "engines/files.h"
#include "engines/program.h"
#include "host/error.h"

namespace engines {

namespace {

bool same_program(const std::string& a, const std::string& b) {
  struct stat one {
  }, other{};
  if (stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0)
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
  return a == b;
}

}  // namespace

Behind behind(const std::string& engine, const std::string& before, const Wish& wish) {
  const std::string path = before.find('/') == std::string::npos ? program_on_path(before) : before;
  if (path.empty() || is_shim(before, wish.shim)) return {wish.shim, {}};
  const std::string settings_path = wish.at(std::string(config::settings_path));
  const config::SettingsFile file = config::parse_settings(settings_path, read_text(settings_path).value_or("{}"));
  if (!file.problems.empty())
    throw host::Error(host::ErrorKind::invalid_policy, file.problems.front().text() + "; ipcguard validate lists all");
  const auto& runtimes = file.settings.runtimes;
  if (const auto standard = runtimes.find("default");
      standard != runtimes.end() && same_program(standard->second, path))
    return {wish.shim, {}};
  for (const auto& [name, program] : runtimes) {
    const std::string link = wish.shim + "." + name;
    if (name == "default" || !same_program(program, path)) continue;
    if (same_program(link, wish.shim)) return {link, {}};
    return {wish.shim, engine + " has run " + path +
                           " until now; to keep that behind the shim, which runs the default of " + settings_path +
                           ": ln -s ipcguard-runtime " + link + ", and run this again"};
  }
  const std::string name = std::filesystem::path(path).filename().string();
  return {wish.shim, engine + " has run " + path +
                         " until now; to keep that behind the shim, which runs the default of " + settings_path +
                         ": add \"" + name + "\": \"" + path + "\" to its runtimes, ln -s " + "ipcguard-runtime " +
                         wish.shim + "." + name + ", and run this again"};
}

bool is_shim(const std::string& path, const std::string& shim) {
  const std::string name = std::filesystem::path(path).filename().string();
  return path == shim || path.compare(0, shim.size() + 1, shim + ".") == 0 || name == "ipcguard-runtime" ||
         name.compare(0, 17, "ipcguard-runtime.") == 0;
}

Notes still_there(const Registrations& registrations, const std::string& shim) {
  Notes notes;
  for (const Registration& registration : registrations)
    if (is_shim(registration.path, shim))
      notes.push_back(registration.where + " still names " + registration.path + " as " + registration.name +
                      ": take that out by hand");
  return notes;
}

}  // namespace engines
