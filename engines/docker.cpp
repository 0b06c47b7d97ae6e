#include "engines/docker.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engines/behind.h"
#include "engines/docker_reload.h"
#include "engines/dockerd.h"
#include "engines/files.h"
#include "engines/json_text.h"
#include "engines/program.h"
#include "host/error.h"
#include "host/text.h"
#include "oci/strict_json.h"

namespace engines {

namespace {

using Json = nlohmann::ordered_json;

const std::string default_key = "default-runtime";

host::Error fault(const std::string& place, const std::string& why) {
  return {host::ErrorKind::invalid_config, place + ": " + why};
}

// dockerd takes "Path" for "path" too, the last one of them if there are several (Go, encoding/json).
void refuse_folded(const Json& object, std::initializer_list<std::string_view> fields, const std::string& place) {
  for (const auto& [key, value] : object.items())
    for (const std::string_view field : fields)
      if (key != field && oci::folds_to(key, field))
        throw fault(place, "dockerd takes the key " + host::quoted(key) + " for \"" + std::string(field) +
                               "\": write it that way, once");
}

// The runtimes in a daemon.json; an empty object where there are none.
Json runtimes_in(const JsonText& file) {
  Json runtimes = file.at({"runtimes"});
  if (runtimes.is_discarded() || runtimes.is_null()) return Json::object();
  if (!runtimes.is_object()) throw fault(file.place({"runtimes"}), "\"runtimes\" is not an object");
  for (const auto& [name, runtime] : runtimes.items()) {
    const std::string place = file.place({"runtimes", name});
    if (!runtime.is_object()) throw fault(place, "the runtime is not an object");
    refuse_folded(runtime, {"path", "runtimeType", "options"}, place);
    if (const auto options = runtime.find("options"); options != runtime.end() && options->is_object())
      refuse_folded(*options, {"BinaryName"}, place);
  }
  return runtimes;
}

std::string default_in(const JsonText& file) {
  const Json name = file.at({default_key});
  if (name.is_discarded() || name.is_null()) return {};
  if (!name.is_string()) throw fault(file.place({default_key}), "\"default-runtime\" is not text");
  return name.get<std::string>();
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What is run: a runtime has a path, or a type, which is a containerd shim and may be told a path.
std::string path_of(const Json& runtime) {
  if (std::string path = text_of(runtime, "path"); !path.empty()) return path;
  const std::string type = text_of(runtime, "runtimeType");
  const auto options = runtime.find("options");
  std::string binary = options != runtime.end() ? text_of(*options, "BinaryName") : std::string();
  if (!binary.empty()) return binary;
  return type == "io.containerd.runc.v2" ? "runc" : type;
}

// What the units say that start dockerd; empty where there are none.
std::string unit_text(const std::string& root) {
  std::string text = read_text(root + "/etc/default/docker").value_or("");
  if (root.empty()) text += run({"systemctl", "cat", "docker.service"}, /*with_errors=*/false).output;
  return text;
}

// dockerd does not start when a key is in its file and among its options too. (Of `runtimes` it takes both.)
void refuse_option(const std::string& where, const Wish& wish) {
  if (!wish.make_default) return;
  bool given = false;
  const auto daemons = wish.root.empty() ? Dockerd::find_all() : std::vector<Dockerd>();
  for (const Dockerd& dockerd : daemons)
    given |= !option_values(dockerd.process().arguments(), "--default-runtime").empty();
  if (daemons.empty()) given = unit_text(wish.root).find("--default-runtime") != std::string::npos;
  if (given)
    throw fault(where,
                "dockerd is started with --default-runtime and would not start with that in its file too: take "
                "the option away first, or leave --default out");
}

// Docker 23 and newer check a file that they are given.
void accept(const Changes& changes) {
  for (const Change& change : changes) {
    if (!change.after || program_on_path("dockerd").empty()) continue;
    if (run({"dockerd", "--help"}).output.find("--validate") == std::string::npos) continue;
    const MemoryFile file(*change.after);
    const Ended ended = run({"dockerd", "--validate", "--config-file", file.path()});
    if (ended.status == 0) continue;
    std::string why = ended.output;
    while (!why.empty() && why.back() == '\n') why.pop_back();
    throw fault(change.path, "dockerd does not accept what it would become, so it stays as it is: " +
                                 host::printable(why.substr(why.rfind('\n') + 1)));
  }
}

void check(const Json& expected, const JsonText& made, const std::string& where) {
  if (made.at({}) != expected)
    throw fault(where, "it cannot be edited by a program; add what docs/configure.md shows by hand");
}

}  // namespace

Registrations docker_registrations(const Text& text, const std::string& where) {
  const JsonText file(where, text.value_or(""));
  Registrations registrations = {{"runc", "runc", "built in"}, {"io.containerd.runc.v2", "runc", "built in"}};
  const Json runtimes = runtimes_in(file);
  for (const auto& [name, runtime] : runtimes.items()) registrations.push_back({name, path_of(runtime), where});
  std::string standard = default_in(file);
  if (standard.empty()) standard = "runc";
  for (Registration& registration : registrations) registration.is_default = registration.name == standard;
  return registrations;
}

Registrations docker_registrations(const std::string& root) {
  const std::string where = docker_config(root);
  Registrations registrations = docker_registrations(read_text(where), where);
  for (const Dockerd& dockerd : root.empty() ? Dockerd::find_all() : std::vector<Dockerd>()) {
    if (dockerd.config() != where) continue;
    for (const std::string& added : option_values(dockerd.process().arguments(), "--add-runtime"))
      registrations.push_back({added.substr(0, added.find('=')),
                               added.substr(std::min(added.find('='), added.size() - 1) + 1), "dockerd --add-runtime"});
    for (const std::string& standard : option_values(dockerd.process().arguments(), "--default-runtime"))
      for (Registration& registration : registrations) registration.is_default = registration.name == standard;
  }
  return registrations;
}

std::string docker_config(const std::string& root) {
  std::string standard = root + "/etc/docker/daemon.json";
  if (!root.empty()) return standard;
  const std::vector<Dockerd> daemons = Dockerd::find_all();
  if (!daemons.empty()) return daemons.front().config();
  const std::string text = unit_text(root), option = "--config-file";
  const std::size_t at = text.find(option);
  const std::size_t begin = at == std::string::npos ? at : text.find_first_not_of("= '\"", at + option.size());
  if (begin == std::string::npos || text[begin] != '/') return standard;
  return text.substr(begin, text.find_first_of(" \n'\"\\", begin) - begin);
}

Text docker_put(const Text& now, const std::string& where, const Wish& wish) {
  JsonText file(where, now.value_or(""));
  if (wish.name == "runc") throw fault(where, "Docker keeps the name runc for its own; choose another --runtime-name");
  const Json runtimes = runtimes_in(file);
  const std::string before = default_in(file);
  Json expected = file.at({});
  if (const auto taken = runtimes.find(wish.name); taken == runtimes.end()) {
    const Json runtime = {{"path", wish.shim}};
    file.set({"runtimes", wish.name}, runtime);
    if (expected.contains("runtimes") && expected["runtimes"].is_null()) expected["runtimes"] = Json::object();
    expected["runtimes"][wish.name] = runtime;
  } else if (!is_shim(path_of(*taken), wish.shim)) {
    throw fault(file.place({"runtimes", wish.name}), "another runtime, " + host::quoted(path_of(*taken)) +
                                                         ", has the name " + wish.name +
                                                         "; choose another --runtime-name");
  } else if (const std::string path = path_of(*taken);
             path != wish.shim && path.compare(0, wish.shim.size() + 1, wish.shim + ".") != 0) {  // it has moved
    file.set({"runtimes", wish.name, "path"}, wish.shim);
    expected["runtimes"][wish.name]["path"] = wish.shim;
  }
  if (wish.make_default && before != wish.name) {
    file.set({default_key}, wish.name);
    expected[default_key] = wish.name;
  }
  if (expected == JsonText(where, now.value_or("")).at({}) && now) return now;
  check(expected, file, where);
  return file.text();
}

Text docker_take(const Text& now, const Text& original, const std::string& where, const std::string& shim) {
  if (!now) return now;
  JsonText file(where, *now);
  const JsonText old(where, original.value_or(""));
  Json expected = file.at({});
  const std::string standard = default_in(file);
  bool taken = false, of_default = false;
  const Json runtimes = runtimes_in(file);
  for (const auto& [name, runtime] : runtimes.items()) {
    if (!is_shim(path_of(runtime), shim)) continue;
    file.remove({"runtimes", name});
    expected["runtimes"].erase(name);
    taken = true;
    of_default |= name == standard;
  }
  if (!taken) return now;
  if (runtimes_in(file).empty() && old.at({"runtimes"}).is_discarded()) {
    file.remove({"runtimes"});
    expected.erase("runtimes");
  }
  if (of_default) {
    if (const std::string before = default_in(old); before.empty()) {
      file.remove({default_key});
      expected.erase(default_key);
    } else {
      file.set({default_key}, before);
      expected[default_key] = before;
    }
  }
  check(expected, file, where);
  if (expected.empty() && !original) return std::nullopt;
  return file.text();
}

Plan docker_plan(const Wish& wish) {
  Plan plan;
  const std::string where = wish.config.empty() ? docker_config(wish.root) : wish.at(wish.config);
  plan.engine = "docker";
  if (wish.root.empty()) plan.config = where;  // that dockerd, or its unit, may be gone by then
  Wish chosen = wish;
  if (!wish.remove) {
    const Registrations registrations = docker_registrations(read_text(where), where);
    const Registration* standard = default_of(registrations);
    auto [shim, remark] = behind("Docker", standard == nullptr ? "" : standard->path, wish);
    chosen.shim = shim;
    if (wish.make_default && !remark.empty()) plan.remarks = {remark};
  }
  plan.edits = {
      {where,
       [chosen, where](const Text& now) {
         Text text = docker_put(now, where, chosen);
         if (text != now) refuse_option(where, chosen);
         return text;
       },
       [wish, where](const Text& now, const Text& original) { return docker_take(now, original, where, wish.shim); }}};
  plan.accept = accept;
  if (wish.root.empty()) follow_docker(plan, where, wish);
  return plan;
}

}  // namespace engines
