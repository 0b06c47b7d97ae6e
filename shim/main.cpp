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
#include "shim/command_line.h"
#include "shim/create_gate.h"
#include "shim/exec.h"
#include "shim/policy.h"
#include "shim/record.h"
#include "shim/start_gate.h"
#include "shim/tell.h"

namespace {

using namespace shim;

void tell(const Judgement& judgement, const char* gate, const Call& call, Policy& policy) {
  const config::Settings& settings = policy.settings();
  if (is_recorded(judgement, settings))
    tell_operator(decision_record(judgement, {gate, settings.mode, named_runtime(policy, call.runtime_name),
                                              policy.hash(), std::chrono::system_clock::now()}),
                  settings.log);
  if (!judgement.runs(settings.mode)) tell_caller(refusal_message(judgement), call);
}

// Throws host::Error where neither gate can judge the call.
void require_clear_call(const Call& call, const Policy& policy) {
  find_runtime(policy, call.runtime_name);
  const std::string ambiguity = call.ambiguity.empty() ? environment_ambiguity(environ, call) : call.ambiguity;
  if (!ambiguity.empty()) throw host::Error(host::ErrorKind::ambiguous_command_line, ambiguity);
}

// Why neither gate can judge the call, if so.
std::optional<host::Error> objection_to(const Call& call, const Policy& policy) {
  try {
    require_clear_call(call, policy);
    return std::nullopt;
  } catch (const host::Error& error) {
    return error;
  }
}

bool admit_creation(const Call& call, Policy& policy) {
  Request request{call.bundle, call.id, call.root};
  if (call.command != "create") {  // no start gate follows
    request.thorough = true;
    request.descriptors = inherited_descriptors(call, std::getenv("LISTEN_FDS"));
  }
  if (call.command == "restore") request.checkpoint = call.image;
  // Where the call is ambiguous, which bundle it names is not certain.
  const Judgement judgement =
      call.ambiguity.empty()
          ? judge_create(request, policy, host::kernel(), [&] { return objection_to(call, policy); })
          : unjudged({host::without_links(call.bundle), call.id}, objection_to(call, policy).value(), policy);
  tell(judgement, "create", call, policy);
  return judgement.runs(policy.settings().mode);
}

StateQuery query_for(const std::string& id, const Call& call, const Policy& policy) {
  return {id, call.root, named_runtime(policy, call.runtime_name), call.globals};
}

bool admit_start(const std::string& id, const Call& call, Policy& policy) {
  const auto objection = objection_to(call, policy);
  const StartJudgement start =
      judge_start(query_for(id, call, policy), Stage::waiting, policy, host::kernel(), objection);
  if (!start.judgement) return true;
  const bool runs = start.judgement->runs(policy.settings().mode);
  if (!runs) end(start);
  tell(*start.judgement, "start", call, policy);
  return runs;
}

// Judges the call and tells what came of it; true if the runtime may be run.
bool admit(const Call& call, Policy& policy) {
  if (call.creates || (!call.starts && !call.ambiguity.empty())) return admit_creation(call, policy);
  if (call.starts && !call.ambiguity.empty()) {  // which container it starts is not certain
    const host::Error ambiguous(host::ErrorKind::ambiguous_command_line, call.ambiguity);
    const Judgement judgement = unjudged({{}, call.id}, ambiguous, policy);
    tell(judgement, "start", call, policy);
    return judgement.runs(policy.settings().mode);
  }
  if (call.starts) return admit_start(call.id, call, policy);
  // exec: into a container that was not started yet it would be the first to run there.
  const auto ids = waiting_among(call.words, query_for({}, call, policy));
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) { return admit_start(id, call, policy); });
}

}  // namespace

int main(int argc, char** argv) {
  host::fill_standard_descriptors();
  Call call;
  try {
    std::vector<std::string> words(argv, argv + argc);
    if (words.empty()) words.emplace_back("ipcguard-runtime");  // Linux before 5.18 permits argc 0
    Policy policy;
    // What is plain without the options that the settings declare does not wait for those.
    call = read_command_line(words, {});
    if ((!call.creates && !call.starts) || !call.ambiguity.empty())
      call = read_command_line(words, policy.settings().runtime_options);
    if ((call.gated() || !call.words.empty()) && !admit(call, policy)) return 1;
    become_runtime(find_runtime(policy, call.runtime_name), words);
  } catch (const std::exception& error) {
    tell_caller(std::string("ipcguard: ") + (call.gated() ? "refused: " : "") + error.what(), call);
  }
  return 1;
}
