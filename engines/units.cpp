#include "engines/units.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "engines/files.h"
#include "host/error.h"

namespace engines {

namespace {

namespace fs = std::filesystem;

std::string text_of(const std::string& path) {
  try {
    return read_text(path).value_or(std::string());
  } catch (const host::Error&) {
    return {};
  }
}

std::string trimmed(const std::string& text) {
  constexpr std::string_view blank = " \t\r";
  const std::size_t begin = text.find_first_not_of(blank);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

// Hands each "key=value" of a file to `take`, continued lines joined; of the section [Service] alone if `sections`.
void for_each_setting(const std::string& text, bool sections,
                      const std::function<void(const std::string&, const std::string&)>& take) {
  bool ours = !sections;
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string part = trimmed(text.substr(at, end - at));
    at = end + 1;
    if (!part.empty() && (part.front() == '#' || part.front() == ';')) continue;  // also between continued lines
    line += part;
    if (line.ends_with('\\') && at < text.size()) {
      line.back() = ' ';
      continue;
    }
    if (line.starts_with('[') && sections) ours = line == "[Service]";
    const std::size_t equals = line.find('=');
    if (ours && equals != std::string::npos) take(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
    line.clear();
  }
}

using Environment = std::map<std::string, std::string>;

void set_variable(const std::string& word, Environment& environment) {
  if (const std::size_t equals = word.find('='); equals != std::string::npos)
    environment[word.substr(0, equals)] = word.substr(equals + 1);
}

void read_environment_file(const std::string& path, Environment& environment) {
  for_each_setting(text_of(path), false, [&](const std::string& name, const std::string& value) {
    const auto words = unit_words(value);
    std::string joined;
    for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
    environment[name] = joined;
  });
}

struct Service {
  std::string command, file;  // the command, and the file that it stands in
  Environment environment;
  std::vector<std::string> files;  // all that were read
};

void read_service(const std::string& path, Service& into) {
  into.files.push_back(path);
  for_each_setting(text_of(path), true, [&](const std::string& key, const std::string& value) {
    if (key == "ExecStart") {  // services that engines have start one command; an empty value takes it back
      into.command = value;
      into.file = path;
    } else if (key == "Environment") {
      if (value.empty()) into.environment.clear();
      for (const std::string& word : unit_words(value)) set_variable(word, into.environment);
    } else if (key == "EnvironmentFile") {
      const std::string file = value.substr(value.starts_with('-') ? 1 : 0);
      if (file.starts_with('/')) into.files.push_back(file);
      read_environment_file(file, into.environment);
    }
  });
}

// $NAME as a word of its own becomes the words in it, ${NAME} becomes its value.
std::vector<std::string> expanded(const std::vector<std::string>& words, const Environment& environment) {
  const auto value_of = [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  std::vector<std::string> out;
  for (std::string word : words) {
    if (word.size() > 1 && word.front() == '$' && word[1] != '{' && word[1] != '$') {
      for (std::string& part : unit_words(value_of(word.substr(1)))) out.push_back(std::move(part));
      continue;
    }
    for (std::size_t at = 0; (at = word.find("${", at)) != std::string::npos;) {
      const std::size_t end = word.find('}', at);
      if (end == std::string::npos) break;
      const std::string value = value_of(word.substr(at + 2, end - at - 2));
      word.replace(at, end - at + 1, value);
      at += value.size();
    }
    out.push_back(std::move(word));
  }
  return out;
}

// "/usr/bin/env dockerd …", "sh -c 'exec dockerd …'": from the engine's name on, where one is started that way.
std::vector<std::string> without_launcher(std::vector<std::string> words) {
  constexpr std::array<std::string_view, 9> launchers = {"env",  "sh",     "bash",    "dash", "nice",
                                                         "exec", "ionice", "taskset", "chrt"};
  const std::string first = words.empty() ? std::string() : fs::path(words.front()).filename().string();
  if (std::find(launchers.begin(), launchers.end(), first) == launchers.end()) return words;
  std::vector<std::string> parts;
  for (const std::string& word : words)
    for (std::string& part : unit_words(word)) parts.push_back(std::move(part));
  const auto engine = std::find_if(parts.begin(), parts.end(), [](const std::string& part) {
    const fs::path path(part);
    const bool program = part.find('/') == std::string::npos || path.parent_path().string().ends_with("bin");
    return program && kind_of(path.filename().string()).has_value();
  });
  return engine == parts.end() ? words : std::vector<std::string>(engine, parts.end());
}

// The names of a folder's entries that end so.
std::set<std::string> names_in(const std::string& folder, std::string_view suffix) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (std::string name = entry->path().filename(); name.ends_with(suffix)) names.insert(std::move(name));
  return names;
}

std::optional<Process> engine_of(const std::string& unit, const std::vector<std::string>& folders) {
  Service service;
  std::error_code error;
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + unit;
    if (!fs::exists(fs::symlink_status(path, error))) continue;
    if (fs::read_symlink(path, error) == "/dev/null") return std::nullopt;  // masked
    read_service(path, service);
    break;
  }
  std::map<std::string, std::string> drop_ins;  // by name, which is the order that they count in
  for (const std::string& which : {unit + ".d", std::string("service.d")})  // its own before those of every service
    for (const std::string& folder : folders)
      for (const std::string& name : names_in(folder + "/" + which, ".conf"))
        drop_ins.emplace(name, folder + "/" + which + "/" + name);
  for (const auto& [name, path] : drop_ins) read_service(path, service);

  Process process;
  const std::size_t begin = service.command.find_first_not_of("@-:+!|");
  if (begin == std::string::npos) return std::nullopt;
  process.arguments = without_launcher(expanded(unit_words(service.command.substr(begin)), service.environment));
  if (process.arguments.empty()) return std::nullopt;
  process.program = process.arguments.front();
  const auto kind = kind_of(fs::path(process.program).filename().string());
  if (!kind || !starts_engine(*kind, process.arguments)) return std::nullopt;
  process.kind = *kind;
  process.unit = service.file;
  process.unit_files = std::move(service.files);
  process.folder = "/";
  process.environment = std::move(service.environment);
  return process;
}

}  // namespace

std::vector<std::string> unit_folders() {
  return {"/etc/systemd/system.control",  // of systemctl set-property
          "/run/systemd/system.control", "/run/systemd/transient", "/etc/systemd/system",
          "/run/systemd/system",         "/run/systemd/generator", "/usr/local/lib/systemd/system",
          "/usr/lib/systemd/system",     "/lib/systemd/system"};
}

std::vector<Process> engine_units(const std::vector<std::string>& folders) {
  std::set<std::string> units;
  for (const std::string& folder : folders) units.merge(names_in(folder, ".service"));
  std::vector<Process> found;
  for (const std::string& unit : units)
    if (auto process = engine_of(unit, folders)) found.push_back(std::move(*process));
  return found;
}

std::vector<std::string> unit_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool begun = false;
  char quote = '\0';
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '\\' && quote != '\'' && at + 1 < text.size()) {
      word += text[++at];
      begun = true;
    } else if (quote != '\0' && letter == quote) {
      quote = '\0';
    } else if (quote == '\0' && (letter == '"' || letter == '\'')) {
      quote = letter;
      begun = true;
    } else if (quote == '\0' && (letter == ' ' || letter == '\t')) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
    } else {
      word += letter;
      begun = true;
    }
  }
  if (begun) words.push_back(std::move(word));
  return words;
}

}  // namespace engines
