// The start gate: what the kernel says about a container that was created, before its own program runs. Nothing that
// happened since the create gate escapes it: a document or path that was switched, a hook, a descriptor handed in.
#pragma once

#include <optional>
#include <string>

#include "host/namespaces.h"
#include "host/process.h"
#include "shim/container_state.h"
#include "shim/judgement.h"
#include "shim/policy.h"

namespace shim {

struct StartJudgement {
  // None where the runtime itself will say that there is no such container, or none that waits to be started.
  std::optional<Judgement> judgement;
  std::optional<host::Process> init;  // the container's, where it was found
};

// Judges the container that `query` names. With `running`, also one that was started already.
StartJudgement judge_start(const StateQuery& query, bool running, Policy& policy, const host::Kernel& kernel);

}  // namespace shim
