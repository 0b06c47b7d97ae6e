// A judgement in words: the decision record for machines, the refusal for whoever called.
#pragma once

#include <chrono>
#include <string>

#include "config/settings.h"
#include "shim/create_gate.h"

namespace shim {

struct Circumstances {
  std::string gate;  // "create"
  config::Mode mode = config::Mode::enforce;
  std::string runtime;  // path; empty if it cannot be told
  std::string policy;   // "sha256:…"
  std::chrono::system_clock::time_point time;
};

// The decision record, one line of JSON without its end.
std::string decision_record(const Judgement& judgement, const Circumstances& circumstances);

// Whether the settings want it recorded: "notable" leaves out plain private containers.
bool is_recorded(const Judgement& judgement, const config::Settings& settings);

// The message of a refusal, one line that begins with "ipcguard: refused: ".
std::string refusal_message(const Judgement& judgement);

// What to do instead of what is refused, for whoever wanted the container.
const char* advice(config::ExposureKind kind);

// "2026-11-21T20:00:00.000Z", with or without the milliseconds.
std::string utc(std::chrono::system_clock::time_point time, bool milliseconds);

}  // namespace shim
