#include "engines/docker_reload.h"

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "engines/behind.h"
#include "engines/docker.h"
#include "engines/dockerd.h"
#include "engines/files.h"
#include "engines/json_text.h"
#include "host/error.h"

namespace engines {

namespace {

using Live = Dockerd::Live;
using Condition = std::function<bool(const Live&)>;

std::vector<Dockerd> reading(const std::string& where) {
  std::vector<Dockerd> found;
  for (Dockerd& dockerd : Dockerd::find_all())
    if (resolved(dockerd.config()) == resolved(where)) found.push_back(std::move(dockerd));
  return found;
}

// What is known before and not after, but for the shim: on a reload dockerd forgets runtimes that it was given as
// options, and before version 23 some names of its own.
std::string forgotten(const Live& before, const Live& after, const std::string& shim) {
  std::string names;
  for (const auto& [name, path] : before.runtimes)
    if (after.runtimes.count(name) == 0 && !is_shim(path, shim)) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// Tells it to reload, unless the condition holds, and waits until it does.
Notes reload(const Dockerd& dockerd, const Condition& holds, const std::string& shim) {
  const auto before = dockerd.live();
  if (before && holds(*before)) return {};
  dockerd.process().reload();
  if (!before)
    return {"told " + dockerd.process().called() +
            " to reload, but it does not answer on a local socket: see its log whether it did"};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(45);
  while (std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto after = dockerd.live();
    // live() asks the daemon each time; Cppcheck takes it for a constant.
    // cppcheck-suppress identicalConditionAfterEarlyExit
    if (!after || !holds(*after)) continue;
    Notes notes = {"reloaded " + dockerd.process().called() + " without a restart"};
    if (const std::string names = forgotten(*before, *after, shim); !names.empty())
      notes.push_back("by reloading, " + dockerd.process().called() + " forgot " + names +
                      ": restart it when convenient if containers name them");
    return notes;
  }
  throw host::Error(host::ErrorKind::unverifiable,
                    dockerd.process().called() +
                        " was told to reload and does not show the change: see its log, and restart it "
                        "when convenient");
}

void append(Notes& notes, const Notes& more) { notes.insert(notes.end(), more.begin(), more.end()); }

bool knows_shim(const Live& live, const std::string& shim) {
  for (const auto& [name, path] : live.runtimes)
    if (is_shim(path, shim)) return true;
  return false;
}

Notes after_put(const std::string& where, const Wish& wish) {
  std::string path;  // as it is in the file: the shim, or a link of it
  for (const Registration& registration : docker_registrations(read_text(where), where))
    if (registration.name == wish.name) path = registration.path;
  const Condition holds = [&](const Live& live) {
    const auto found = live.runtimes.find(wish.name);
    // One that was registered by its type shows no path.
    return found != live.runtimes.end() && (found->second == path || found->second.empty()) &&
           (!wish.make_default || live.default_runtime == wish.name);
  };
  Notes notes;
  for (const Dockerd& dockerd : reading(where)) append(notes, reload(dockerd, holds, wish.shim));
  return notes;
}

void refuse_while_in_use(const Dockerd& dockerd, const Live& live, const std::string& shim) {
  std::vector<std::string> ours;
  for (const auto& [name, path] : live.runtimes)
    if (is_shim(path, shim)) ours.push_back(name);
  std::string names;
  for (const std::string& name : dockerd.containers_of(ours)) names += " " + name;
  if (names.empty()) return;
  throw host::Error(host::ErrorKind::unverifiable,
                    "Docker needs the runtime to stop these containers, so stop them first:" + names);
}

// On a reload dockerd keeps the old value of a key that is gone from its file, so it is first told plainly; but of no
// default that it was given as an option, since it does not take both.
std::string told_plainly(const Change& change, const Dockerd& dockerd) {
  JsonText plain(change.path, change.after.value_or(""));
  if (!plain.at({"runtimes"}).is_object()) plain.set({"runtimes"}, nlohmann::ordered_json::object());
  if (!plain.at({"default-runtime"}).is_string() &&
      option_values(dockerd.process().arguments(), "--default-runtime").empty())
    plain.set({"default-runtime"}, "runc");
  return plain.text();
}

Notes before_take(const std::string& where, const Wish& wish, const Changes& changes, const Plan::Write& write) {
  Notes notes;
  for (const Dockerd& dockerd : reading(where)) {
    const auto live = dockerd.live();
    if (live && !knows_shim(*live, wish.shim)) continue;
    if (live) refuse_while_in_use(dockerd, *live, wish.shim);
    write(changes.front().path, told_plainly(changes.front(), dockerd));
    const Condition holds = [&](const Live& now) { return !knows_shim(now, wish.shim); };
    append(notes, reload(dockerd, holds, wish.shim));
  }
  return notes;
}

}  // namespace

void follow_docker(Plan& plan, const std::string& where, const Wish& wish) {
  plan.after_put = [where, wish](bool /*changed*/) { return after_put(where, wish); };
  plan.before_take = [where, wish](const Changes& changes, const Plan::Write& write) {
    return before_take(where, wish, changes, write);
  };
}

}  // namespace engines
