#include "shim/start_gate.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "host/engine.h"
#include "host/error.h"
#include "shim/observed.h"

namespace shim {

StartJudgement judge_start(const StateQuery& query, bool running, Policy& policy, const host::Kernel& kernel) {
  StartJudgement start;
  std::string bundle;
  try {
    const auto state = find_state(query);
    if (!state) return start;
    bundle = host::without_links(state->bundle);
    auto init = host::Process::find(state->pid, state->start_time);
    if (!init || (!running && !state->waits)) return start;
    start.init = std::move(init);
    require_sound_settings(policy);
    auto exposures = exposures_of_namespaces(*start.init, *state, query.root, policy.settings().engines, kernel);
    auto files = exposures_of_files(*start.init, kernel);
    std::move(files.begin(), files.end(), std::back_inserter(exposures));
    start.judgement = judge(exposures, bundle, query.id, policy);
  } catch (const host::Error& error) {
    start.judgement = unjudged(bundle, query.id, error, policy);
  }
  return start;
}

}  // namespace shim
