// A file of the allowlist: with a problem in it, it grants nothing; what it grants is complete.
#include "config/allowlist.h"
#include "config/lint.h"
#include "tests/fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  config::Allowlist allowlist;
  config::parse_allowlist("f", {reinterpret_cast<const char*>(data), size}, allowlist);
  for (const config::Problem& problem : allowlist.problems) fuzz::check_message(problem.text());
  fuzz::require(allowlist.problems.empty() || allowlist.exceptions.empty(), "a file with a problem grants nothing");
  config::Container stranger;
  stranger.attributes = {{"id", "x"}};
  for (const config::Exception& exception : allowlist.exceptions) {
    fuzz::require(!exception.name.empty() && !exception.reason.empty(), "it has a name and a reason");
    fuzz::require(!exception.engines.empty(), "it names an engine");
    fuzz::require(!exception.conditions.empty() || !exception.labels.empty(), "it has a condition");
    fuzz::require(!exception.allow.empty(), "it allows something");
    exception.matches(stranger);
  }
  for (const config::Problem& warning : config::allowlist_warnings(allowlist, "2026-11-21"))
    fuzz::check_message(warning.text());
  return 0;
}
