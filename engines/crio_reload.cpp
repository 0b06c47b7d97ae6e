#include "engines/crio_reload.h"

#include <chrono>
#include <functional>
#include <thread>

#include "engines/behind.h"
#include "engines/crio.h"
#include "engines/daemon.h"
#include "engines/http.h"
#include "engines/toml.h"
#include "host/error.h"

namespace engines {

namespace {

// What a CRI-O goes by now, as it says itself; none if it does not say. Its reloads take up runtimes from 1.25 on or
// so.
std::optional<toml::table> live() {
  const auto answer = http_get("/run/crio/crio.sock", "/config");
  if (!answer) return std::nullopt;
  try {
    return parse_toml(*answer, "CRI-O's configuration");
  } catch (const host::Error&) {
    return std::nullopt;
  }
}

// Whether it goes by what the files say of the name that was asked for.
bool has_shim(const toml::table& config, const Wish& wish) {
  const auto runtime = config["crio"]["runtime"];
  const auto live_path = runtime["runtimes"][wish.name]["runtime_path"].value_or(std::string());
  for (const Registration& registration : crio_registrations(wish.root))
    if (registration.name == wish.name && registration.path != live_path) return false;
  return is_shim(live_path, wish.shim) && (!wish.make_default || runtime["default_runtime"].value_or("") == wish.name);
}

bool has_no_shim(const toml::table& config, const Wish& wish) {
  const toml::table* runtimes = config["crio"]["runtime"]["runtimes"].as_table();
  if (runtimes == nullptr) return true;
  for (const auto& [name, value] : *runtimes)
    if (value.is_table() && is_shim((*value.as_table())["runtime_path"].value_or(std::string()), wish.shim))
      return false;
  return true;
}

Notes reload(const std::function<bool(const toml::table&)>& holds) {
  Notes notes;
  for (const Daemon& crio : Daemon::find_all("crio", "/run/crio/crio.pid")) {
    const auto before = live();
    if (before && holds(*before)) continue;
    crio.reload();
    if (!before) {
      notes.push_back("told " + crio.called() + " to reload, but it does not say what it goes by: see its log");
      continue;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(45);
    for (;;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      const auto after = live();
      if (after && holds(*after)) break;
      if (std::chrono::steady_clock::now() > deadline)
        throw host::Error(host::ErrorKind::unverifiable,
                          crio.called() +
                              " was told to reload and does not show the change: see its log, or restart it "
                              "when convenient (containers go on running)");
    }
    notes.push_back("reloaded " + crio.called() + " without a restart");
  }
  return notes;
}

}  // namespace

CrioFiles crio_files(const std::string& root) {
  CrioFiles files{root + "/etc/crio/crio.conf", root + "/etc/crio/crio.conf.d"};
  if (!root.empty()) return files;
  for (const Daemon& crio : Daemon::find_all("crio")) {
    files.config = crio.path_option("--config").value_or(files.config);
    files.drop_ins = crio.path_option("--config-dir").value_or(files.drop_ins);
  }
  return files;
}

void follow_crio(Plan& plan, const Wish& wish) {
  plan.after_put = [wish] { return reload([&](const toml::table& config) { return has_shim(config, wish); }); };
  plan.after_take = [wish, still_there = plan.after_take] {
    Notes notes = still_there();
    if (!notes.empty()) return notes;
    return reload([&](const toml::table& config) { return has_no_shim(config, wish); });
  };
}

}  // namespace engines
