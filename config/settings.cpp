#include "config/settings.h"

#include <algorithm>

#include "host/text.h"

namespace config {

namespace {

// A name out of `names`, of which the first `count` may be given here.
template <class Value, std::size_t size>
void read_name(Document& document, const Node& node, std::string_view what,
               const std::array<std::string_view, size>& names, Value& into, std::size_t count = size) {
  const auto name = document.read_text(node, what);
  if (!name) return;
  if (const auto value = value_of<Value>(names, *name, count)) {
    into = *value;
    return;
  }
  std::string known;
  for (std::size_t at = 0; at < count; ++at) known += (at == 0 ? "" : ", ") + std::string(names[at]);
  document.problem(node.offset, std::string(what) + " is " + host::quoted(*name) + " and should be one of: " + known);
}

void read_runtimes(Document& document, const Node& node, Settings& settings) {
  if (node.kind != Node::Kind::object) return document.read_object(node, "runtimes", {});
  for (const Member& runtime : node.members)
    if (auto path = document.read_absolute_path(runtime.value, "the runtime " + host::quoted(runtime.key)))
      settings.runtimes[runtime.key] = std::move(*path);
}

void read_runtime_options(Document& document, const Node& node, Settings& settings) {
  if (node.kind != Node::Kind::object) return document.read_object(node, "runtime_options", {});
  constexpr std::array<std::string_view, 2> kinds = {"flag", "value"};
  for (const Member& option : node.members) {
    if (option.key.size() < 3 || !option.key.starts_with("--") || option.key.find_first_of("= \t") != std::string::npos)
      document.problem(option.offset, "the option " + host::quoted(option.key) + " should be spelled like '--name'");
    read_name(document, option.value, "the option " + host::quoted(option.key), kinds,
              settings.runtime_options[option.key]);
  }
}

void read_exposures(Document& document, const Node& node, Settings& settings) {
  constexpr std::size_t settable = 3;  // allow, warn, refuse
  std::vector<Document::Field> fields;
  for (std::size_t at = 0; at < exposure_names.size(); ++at)
    fields.push_back({exposure_names[at], [&document, &settings, at](const Node& action) {
                        read_name(document, action, exposure_names[at], action_names, settings.actions[at], settable);
                      }});
  document.read_object(node, "exposures", fields);
}

void read_log(Document& document, const Node& node, Settings::Log& log) {
  constexpr std::array<std::string_view, 2> records = {"notable", "all"};
  document.read_object(
      node, "log",
      {
          {"file",
           [&](const Node& value) {
             if (auto path = document.read_absolute_path(value, "log.file")) log.file = *path;
           }},
          {"syslog",
           [&](const Node& value) { log.syslog = document.read_boolean(value, "log.syslog").value_or(log.syslog); }},
          {"record", [&](const Node& value) { read_name(document, value, "log.record", records, log.everything); }},
      });
}

void read_engines(Document& document, const Node& node, host::EngineFolders& engines) {
  const auto folders = [&](std::string_view key, std::vector<std::string>& into) {
    return Document::Field{
        key, [&document, &into, what = "engines." + std::string(key)](const Node& value) {
          into = document.read_texts(value, what);
          if (!std::all_of(into.begin(), into.end(), [](const std::string& path) { return path.front() == '/'; }))
            document.problem(value.offset, what + " should have absolute paths only");
        }};
  };
  document.read_object(
      node, "engines",
      {folders("containerd_state", engines.containerd_state), folders("docker_exec_root", engines.docker_exec_root),
       folders("docker_data_root", engines.docker_data_root),
       folders("containers_storage", engines.containers_storage)});
}

}  // namespace

SettingsFile parse_settings(const std::string& file, std::string_view text) {
  Document document(file, text);
  // A text that is no JSON has one problem; what its half-read tree holds is read for the runtimes in it.
  const Problems malformed = document.problems();
  Settings settings;
  document.read_object(
      document.root(), "the file",
      {
          {"mode", [&](const Node& node) { read_name(document, node, "mode", mode_names, settings.mode); }},
          {"runtimes", [&](const Node& node) { read_runtimes(document, node, settings); }},
          {"runtime_options", [&](const Node& node) { read_runtime_options(document, node, settings); }},
          {"exposures", [&](const Node& node) { read_exposures(document, node, settings); }},
          {"log", [&](const Node& node) { read_log(document, node, settings.log); }},
          {"engines", [&](const Node& node) { read_engines(document, node, settings.engines); }},
      });
  if (document.problems().empty()) return {std::move(settings), {}};
  Settings broken;  // nothing else of it counts
  broken.runtimes = std::move(settings.runtimes);
  return {std::move(broken), malformed.empty() ? document.problems() : malformed};
}

}  // namespace config
