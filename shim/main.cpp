// ipcguard-runtime: called as an OCI runtime, judges what would create a container, and becomes the real runtime.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "host/engine.h"
#include "host/error.h"
#include "host/file.h"
#include "host/namespaces.h"
#include "host/sandbox.h"
#include "shim/command_line.h"
#include "shim/create_gate.h"
#include "shim/exec.h"
#include "shim/policy.h"
#include "shim/record.h"
#include "shim/start_gate.h"
#include "shim/tell.h"

namespace {

using namespace shim;

// What is asked of this process.
struct Errand {
  Call call;

  // Chosen when it is first asked for: that takes the settings, which are read beside the bundle.
  const Runtime& runtime(const Policy& policy) const {
    if (!chosen) chosen = choose_runtime(policy, call.runtime_name);
    return *chosen;
  }
  mutable std::optional<Runtime> chosen;
};

void tell(const Judgement& judgement, const char* gate, const Errand& errand, Policy& policy) {
  const config::Settings& settings = policy.settings();
  if (is_recorded(judgement, settings))
    tell_operator(decision_record(judgement, {gate, settings.mode, errand.runtime(policy).path, policy.hash(),
                                              std::chrono::system_clock::now()}),
                  settings.log);
  if (!judgement.runs(settings.mode)) tell_caller(refusal_message(judgement), errand.call);
}

// Throws host::Error where neither gate can judge the call.
void require_clear_call(const Errand& errand, const Policy& policy) {
  const Call& call = errand.call;
  require_usable(errand.runtime(policy));
  const std::string ambiguity = call.ambiguity.empty() ? environment_ambiguity(environ, call) : call.ambiguity;
  if (!ambiguity.empty()) throw host::Error(host::ErrorKind::ambiguous_command_line, ambiguity);
}

// Why neither gate can judge the call, if so.
std::optional<host::Error> objection_to(const Errand& errand, const Policy& policy) {
  try {
    require_clear_call(errand, policy);
    return std::nullopt;
  } catch (const host::Error& error) {
    return error;
  }
}

bool admit_creation(const Errand& errand, Policy& policy) {
  const Call& call = errand.call;
  Request request{call.bundle, call.id, call.root};
  if (call.command != "create") {  // no start gate follows
    request.thorough = true;
    request.descriptors = inherited_descriptors(call, std::getenv("LISTEN_FDS"));
  }
  if (call.command == "restore") request.checkpoint = call.image;
  // Where the call is ambiguous, which bundle it names is not certain.
  const Judgement judgement =
      call.ambiguity.empty()
          ? judge_create(request, policy, host::kernel(), [&] { return objection_to(errand, policy); })
          : unjudged({host::without_links(call.bundle), call.id}, objection_to(errand, policy).value(), policy);
  tell(judgement, "create", errand, policy);
  return judgement.runs(policy.settings().mode);
}

StateQuery query_for(const std::string& id, const Errand& errand, const Policy& policy) {
  const Runtime& runtime = errand.runtime(policy);
  return {id, errand.call.root, runtime.path, errand.call.globals, runtime.fault};
}

bool admit_start(const std::string& id, const Errand& errand, Policy& policy) {
  const auto objection = objection_to(errand, policy);
  StartJudgement start = judge_start(query_for(id, errand, policy), Stage::waiting, policy, host::kernel(), objection);
  if (!start.judgement) return true;
  const bool runs = start.judgement->runs(policy.settings().mode);
  try {
    if (!runs) end(start);
  } catch (const host::Error& error) {  // told like the rest
    start.judgement->error = error;
  }
  tell(*start.judgement, "start", errand, policy);
  return runs;
}

// What exec hands in comes behind the start gate. The container itself did nothing wrong and is left alone.
bool admit_descriptors(const Errand& errand, Policy& policy) {
  const int more = inherited_descriptors(errand.call, std::getenv("LISTEN_FDS"));
  if (more == 0) return true;
  const auto judgement = judge_descriptors(more, query_for(errand.call.id, errand, policy), policy, host::kernel());
  if (!judgement) return true;
  tell(*judgement, "start", errand, policy);
  return judgement->runs(policy.settings().mode);
}

// Judges the call and tells what came of it; true if the runtime may be run.
bool admit(const Errand& errand, Policy& policy) {
  const Call& call = errand.call;
  const bool meets_container = call.starts || call.command == "exec";
  if (call.creates || (!meets_container && !call.ambiguity.empty())) return admit_creation(errand, policy);
  if (!call.ambiguity.empty()) {  // which container it is for is not certain
    const host::Error ambiguous(host::ErrorKind::ambiguous_command_line, call.ambiguity);
    const Judgement judgement = unjudged({{}, call.id}, ambiguous, policy);
    tell(judgement, "start", errand, policy);
    return judgement.runs(policy.settings().mode);
  }
  if (call.starts) return admit_start(call.id, errand, policy);
  // exec: into a container that was not started yet it would be the first to run there.
  const auto ids = waiting_among(call.words, query_for({}, errand, policy));
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) { return admit_start(id, errand, policy); }) &&
         admit_descriptors(errand, policy);
}

}  // namespace

int main(int argc, char** argv) {
  host::forbid_core_dumps();
  host::fill_standard_descriptors();
  Errand errand;
  Call& call = errand.call;
  try {
    std::vector<std::string> words(argv, argv + argc);
    if (words.empty()) words.emplace_back("ipcguard-runtime");  // Linux before 5.18 permits argc 0
    Policy policy;
    // What is plain without the options that the settings declare does not wait for those.
    call = read_command_line(words, {});
    if ((!call.creates && !call.starts) || !call.ambiguity.empty())
      if (const auto& declared = policy.settings().runtime_options; !declared.empty())
        call = read_command_line(words, declared);
    if ((call.gated() || !call.words.empty()) && !admit(errand, policy)) return 1;
    become_runtime(errand.runtime(policy), words);
  } catch (const std::exception& error) {
    tell_caller(std::string("ipcguard: ") + (call.gated() ? "refused: " : "") + error.what(), call);
  }
  return 1;
}
