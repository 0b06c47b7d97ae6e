// The start gate: what the kernel says about a container that was created, before its own program runs. Nothing that
// happened since the create gate escapes it: a document or path that was switched, a hook, a descriptor handed in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/namespaces.h"
#include "host/process.h"
#include "shim/container_state.h"
#include "shim/judgement.h"
#include "shim/observed.h"
#include "shim/policy.h"

namespace shim {

struct StartJudgement {
  // None where the runtime itself will say that there is no such container, or none that waits to be started.
  std::optional<Judgement> judgement;
  std::optional<host::Process> init;  // the container's, where it was found
  bool certain = false;               // its start time was known, so it is that process
};

// Which containers are judged.
enum class Stage {
  waiting,  // created and not started
  any,      // started ones too
};

// Judges the container that `query` names. `objection` is an error known already: it refuses the container, once that
// has been found.
StartJudgement judge_start(const StateQuery& query, Stage stage, Policy& policy, const host::Kernel& kernel,
                           const std::optional<host::Error>& objection = std::nullopt);

// Judges what exec hands in: 0, 1, 2 and the `more` descriptors after them. The container is the one that `query`
// names, with an empty id if that is not certain; no judgement where they expose nothing.
std::optional<Judgement> judge_descriptors(int more, const StateQuery& query, Policy& policy,
                                           const host::Kernel& kernel);

// Judges a container by its init, whatever stage it is at, and what its runtime noted of it. `known` is the
// host, if that was looked at already. Throws host::Error.
Judgement judge_init(const host::Process& init, const oci::RuntimeState& state, const std::optional<std::string>& root,
                     Subject subject, Policy& policy, const host::Kernel& kernel, const Host* known = nullptr);

// Ends a container that may not start, or its engine would be left with one that never does. Throws host::Error
// (unverifiable) if that fails.
void end(const StartJudgement& refused);

// Those of `words` that name a container which was created and not started, wherever runc or crun may keep it, by the
// fifo that its init waits at. For exec, which would run a program in it before it was judged. Throws host::Error
// (unverifiable).
std::vector<std::string> waiting_among(const std::vector<std::string>& words, const StateQuery& query);

}  // namespace shim
