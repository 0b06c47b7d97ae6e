#include "admin/suggest.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "admin/commands.h"
#include "config/allowlist.h"
#include "config/date.h"
#include "host/text.h"
#include "shim/record.h"

namespace admin {

namespace {

using config::ExposureKind;

constexpr std::size_t max_evidence = 5;  // records that are named for one exception
constexpr std::chrono::days lifetime{90};

// What an exception names a container of that engine by (docs/policy.md, "Identity"): those that it must have, and
// those that narrow it where they are known.
struct Naming {
  host::Engine engine;
  std::vector<const char*> required, optional;
};
const Naming& naming_of(host::Engine engine) {
  static const std::vector<Naming> namings = {
      {host::Engine::docker, {"name"}, {"image", "image_id"}},
      {host::Engine::kubernetes, {"pod", "namespace"}, {"container", "image"}},
      {host::Engine::podman, {"name"}, {"image", "image_id"}},
      {host::Engine::containerd, {"id", "namespace"}, {}},
      {host::Engine::unknown, {"id", "bundle"}, {}},
  };
  return *std::find_if(namings.begin(), namings.end(), [&](const Naming& one) { return one.engine == engine; });
}

std::string json(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A glob for `value` alone, as far as there can be one: globs have no escape, so a "*" in it is matched by "?".
std::string glob_of(std::string value) {
  std::replace(value.begin(), value.end(), '*', '?');
  return value;
}

// What an exception has to list for `refused`: host-ipc covers what comes with it.
std::vector<ExposureKind> to_allow(std::set<ExposureKind> refused) {
  if (refused.contains(ExposureKind::host_ipc))
    for (const ExposureKind covered : {ExposureKind::host_shm, ExposureKind::host_mqueue}) refused.erase(covered);
  return {refused.begin(), refused.end()};
}

}  // namespace

Suggestions::Identity Suggestions::identity_of(const config::Container& container) {
  const auto known = [&](const char* name) { return container.attributes.contains(name); };
  const Naming* naming = &naming_of(container.engine);
  // Where the engine's own record could not be used, all that is left is what whoever called it said.
  if (!std::all_of(naming->required.begin(), naming->required.end(), known)) naming = &naming_of(host::Engine::unknown);
  Identity identity{container.engine, {}};
  for (const auto* names : {&naming->required, &naming->optional}) {
    for (const char* name : *names) {
      // An image goes by several names, of which the longest is the fully qualified one; the beginning of an id by
      // none.
      const auto texts = config::texts_of(container, name);
      const auto longest = std::max_element(
          texts.begin(), texts.end(), [](const auto& one, const auto& other) { return one.size() < other.size(); });
      if (longest != texts.end()) identity.attributes.emplace_back(name, *longest);
    }
  }
  return identity;
}

bool Suggestions::add(const Record& record) {
  const shim::Judgement& judgement = record.judgement;
  const Identity identity = identity_of(judgement.container);
  if (judgement.error || identity.attributes.empty()) return false;
  Group& group = groups_[identity];
  ++group.records;
  group.unestablished = judgement.container.unestablished;
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    if (judged.action != config::Action::refuse) continue;
    group.refused.insert(judged.exposure.kind);
    if (group.evidence.size() < max_evidence)
      group.evidence.push_back(record.time + " " + judgement.container.attribute("id").value_or("(no id)") + ": " +
                               std::string(config::name_of(judged.exposure.kind)) + ": " + judged.exposure.detail);
  }
  return true;
}

void Suggestions::write_one(std::ostream& out, const std::string& name, const Identity& identity, const Group& group,
                            const std::string& expires) {
  const auto comment = [&](const std::string& text) { out << "      // " << host::printable(text, 1024) << "\n"; };
  const std::vector<ExposureKind> allow = to_allow(group.refused);
  comment("Refused, " + std::to_string(group.records) + (group.records == 1 ? " record:" : " records, among them:"));
  for (const std::string& line : group.evidence) comment("  " + line);
  for (const ExposureKind kind : allow) comment("Instead of an exception: " + std::string(shim::advice(kind)) + ".");
  if (!group.unestablished.empty()) comment("Who it is could not be established: " + group.unestablished + ".");
  if (identity.engine == host::Engine::kubernetes)
    comment("A controller gives each of its pods a new name: where one made it, let pod end in '*'.");
  bool inexact = false;
  std::string match = "\"engine\": " + json(std::string(host::name_of(identity.engine)));
  for (const auto& [attribute, value] : identity.attributes) {
    inexact = inexact || value.find_first_of("*?") != std::string::npos;
    match += ", " + json(attribute) + ": " + json(glob_of(value));
  }
  if (inexact)
    comment("A '*' or '?' that stands in a value is matched by '?', any one character: globs have no escape.");
  std::string kinds;
  for (const ExposureKind kind : allow) kinds += (kinds.empty() ? "" : ", ") + json(std::string(config::name_of(kind)));
  out << "      \"name\": " << json(name) << ",\n"
      << "      \"reason\": \"\",  // TODO: why, and the ticket; until then ipcguard validate rejects this file\n"
      << "      \"expires\": " << json(expires) << ",\n"
      << "      \"match\": { " << match << " },\n"
      << "      \"allow\": [" << kinds << "]\n";
}

void Suggestions::write(std::ostream& out, const std::string& expires) const {
  out << "// Suggested by ipcguard suggest, for review. Nothing is excepted yet.\n{\n  \"exceptions\": [\n";
  std::size_t number = 0;
  std::set<std::string> names;
  for (const auto& [identity, group] : groups_) {
    // Names are what records and reports go by, so no two are alike.
    const std::string base = std::string(host::name_of(identity.engine)) + "-" + identity.attributes.front().second;
    std::string name = base;
    for (std::size_t next = 2; !names.insert(name).second; ++next) name = base + "-" + std::to_string(next);
    out << (number++ == 0 ? "    {\n" : ",\n    {\n");
    write_one(out, name, identity, group, expires);
    out << "    }";
  }
  out << "\n  ]\n}\n";
}

namespace {

bool is_chosen(const Record& record, const SuggestOptions& options) {
  const shim::Judgement& judgement = record.judgement;
  const auto is_refused = [&](const std::string& kind) {
    const auto& exposures = judgement.decision.exposures;
    return std::any_of(exposures.begin(), exposures.end(), [&](const auto& judged) {
      return judged.action == config::Action::refuse && config::name_of(judged.exposure.kind) == kind;
    });
  };
  const auto named = [&](const std::string& id) { return is_called(judgement.container, id); };
  const auto any = [](const auto& options_given, const auto& holds) {
    return options_given.empty() || std::any_of(options_given.begin(), options_given.end(), holds);
  };
  return judgement.decision.outcome == config::Outcome::refuse && record.day() >= options.since &&
         any(options.ids, named) && any(options.kinds, is_refused) &&
         (options.name.empty() || judgement.container.attribute("name") == options.name);
}

}  // namespace

int suggest(const SuggestOptions& options) {
  const shim::Policy policy;
  Suggestions suggestions;
  std::size_t hopeless = 0;
  read_log(options.log, policy, [&](const Record& record) {
    if (is_chosen(record, options) && !suggestions.add(record)) ++hopeless;
  });
  if (hopeless > 0)
    std::cerr << "ipcguard: " << hopeless << (hopeless == 1 ? " refusal" : " refusals")
              << " could not be judged, which no exception changes; ipcguard explain tells why\n";
  if (suggestions.empty()) {
    std::cerr << "ipcguard: no refusal was chosen that an exception would lift; ipcguard report tells what is in "
              << log_name(options.log, policy) << "\n";
    return 1;
  }
  const auto now = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  suggestions.write(std::cout, config::text_of(now + lifetime));
  return 0;
}

}  // namespace admin
