#include "shim/start_gate.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <iterator>
#include <utility>

#include "host/engine.h"
#include "host/error.h"
#include "host/text.h"
#include "shim/declared.h"
#include "shim/observed.h"

namespace shim {

Judgement judge_init(const host::Process& init, const oci::RuntimeState& state, const std::optional<std::string>& root,
                     Subject subject, Policy& policy, const host::Kernel& kernel, const Host* known) {
  require_sound_settings(policy);
  std::optional<Host> looked_at;
  const Host& host = known == nullptr ? looked_at.emplace(look_at_host(kernel)) : *known;
  auto exposures = exposures_of_namespaces(init, state, root, policy.settings().engines, kernel, host);
  auto files = exposures_of_files(init, host);
  std::move(files.begin(), files.end(), std::back_inserter(exposures));
  return judge(exposures, std::move(subject), policy);
}

StartJudgement judge_start(const StateQuery& query, Stage stage, Policy& policy, const host::Kernel& kernel,
                           const std::optional<host::Error>& objection) {
  StartJudgement start;
  Subject subject{{}, query.id};
  try {
    std::optional<Host> host;
    const auto state = find_state(query, [&] {
      try {
        if (!host) host = look_at_host(kernel);
      } catch (const std::exception&) {  // said below, where it matters
      }
    });
    if (!state) return start;
    subject.bundle = host::without_links(state->bundle);
    subject.annotations = state->annotations;
    auto init = host::Process::find(state->pid, state->start_time);
    if (!init || (stage == Stage::waiting && !state->waits)) return start;
    start.init = std::move(init);
    start.certain = state->start_time.has_value();
    if (objection) throw host::Error(*objection);
    start.judgement = judge_init(*start.init, *state, query.root, subject, policy, kernel, host ? &*host : nullptr);
  } catch (const std::exception& thrown) {
    start.judgement = unjudged(std::move(subject), as_error(thrown), policy);
  }
  return start;
}

std::optional<Judgement> judge_descriptors(int more, const StateQuery& query, Policy& policy,
                                           const host::Kernel& kernel) {
  Subject subject{{}, query.id};
  try {
    const auto exposures = exposures_of_descriptors(more, kernel);
    if (exposures.empty()) return std::nullopt;
    require_sound_settings(policy);
    if (const auto state = query.id.empty() ? std::nullopt : find_state(query)) {
      subject.bundle = host::without_links(state->bundle);
      subject.annotations = state->annotations;
    }
    return judge(exposures, subject, policy);
  } catch (const std::exception& thrown) {
    return unjudged(std::move(subject), as_error(thrown), policy);
  }
}

void end(const StartJudgement& refused) {
  if (!refused.init) return;
  // Without a start time (youki) its number may be another process's by now; one of the host's own is left alone.
  const auto own = host::own_namespace("mnt");
  if (!refused.certain && (!own || refused.init->namespace_id("mnt") == *own)) return;
  if (!refused.init->kill())
    throw host::Error(host::ErrorKind::unverifiable,
                      "the refused container's process " + std::to_string(refused.init->pid()) +
                          " cannot be ended: " + host::reason(errno) + "; delete the container");
}

std::vector<std::string> waiting_among(const std::vector<std::string>& words, const StateQuery& query) {
  std::vector<std::string> ids;
  const auto roots = possible_state_roots(query);
  for (const std::string& word : words)
    if (oci::is_id(word) && std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
          return oci::waits_to_start(root + "/" + word);
        }))
      ids.push_back(word);
  return ids;
}

}  // namespace shim
