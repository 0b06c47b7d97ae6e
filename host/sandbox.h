// Work on hostile input where it can do no harm: a forked child that may compute, allocate, answer and exit, held to it
// by a seccomp filter. The filter never reaches the process that execs the runtime, which would inherit it.
#pragma once

#include <functional>
#include <string>

namespace host {

// For as long as this process holds documents, until its exec: neither it nor its children are dumped or can be traced
// by whom the caller's uid is enough for. Not by RLIMIT_CORE, which the runtime would inherit, and which does not hold
// where core_pattern is a pipe.
void forbid_core_dumps();

// Runs `work` in the child and returns what it returns, at most `max_answer` bytes. An Error that it throws is thrown
// here too. A child that dies, hangs (2 s of processor, 10 s in all), needs more than 256 MiB or answers nonsense makes
// an Error (unverifiable). `meanwhile` runs here beside it, and what it throws goes through.
std::string run_sandboxed(const std::function<std::string()>& work, std::size_t max_answer,
                          const std::function<void()>& meanwhile = {});

// Waits for the end of children that have answered: the runtime must not inherit them. Until then that goes on beside
// what the answer is needed for.
void reap_sandboxed();

}  // namespace host
