#include "config/lint.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <tuple>
#include <vector>

#include "config/decision.h"
#include "config/image.h"
#include "config/redundancy.h"
#include "host/text.h"

namespace config {

namespace {

constexpr std::string_view wildcards = "*?";

bool only_wildcards(std::string_view glob) { return glob.find_first_not_of(wildcards) == std::string_view::npos; }

bool is_for(const Exception& exception, host::Engine engine) {
  return std::find(exception.engines.begin(), exception.engines.end(), engine) != exception.engines.end();
}

// Collects what is said about one exception.
class Warnings {
 public:
  Warnings(const Exception& exception, Problems& into) : exception_(exception), into_(into) {}

  void add(const std::string& what) { tell("the exception " + host::quoted(exception_.name) + " " + what); }
  void tell(const std::string& message) {
    into_.push_back({exception_.file, exception_.line, exception_.column, message});
  }

 private:
  const Exception& exception_;
  Problems& into_;
};

// --- conditions that say little ---

void lint_wildcards(const std::string& what, const Globs& globs, Warnings& warnings) {
  const auto found = std::find_if(globs.begin(), globs.end(), only_wildcards);
  if (found == globs.end()) return;
  warnings.add("has " + host::quoted(*found) + " for " + what + ", which any container matches that has one" +
               (found->find('*') == std::string::npos ? " of that length" : "") + "; name something, or leave it out");
}

// Whether only one image fits: engines do not tag references by digest, so that a registry adds nothing.
bool ends_in_digest(std::string_view glob) {
  constexpr std::string_view sha256 = "@sha256:";
  const std::size_t at = glob.rfind(sha256);
  if (at == std::string_view::npos) return false;
  const std::string_view digest = glob.substr(at + sha256.size());
  return digest.size() == 64 && digest.find_first_of(wildcards) == std::string_view::npos;
}

// What a glob for images leaves open that looks settled; empty if nothing. "*" stands for "/", ":" and "." as well.
std::string image_fault(std::string_view glob) {
  if (only_wildcards(glob) || ends_in_digest(glob)) return {};
  const std::size_t wildcard = std::min(glob.find_first_of(wildcards), glob.size());
  const std::string_view settled = glob.substr(0, wildcard);
  const std::size_t slash = settled.find('/');
  const std::string shown = host::quoted(glob);
  if (wildcard == 0)
    return shown +
           ", which begins with a wildcard: any registry will do; begin with the registry, as in "
           "'docker.io/library/postgres:*'";
  const bool host_begun = settled.find('.') != std::string_view::npos && settled.find(':') == std::string_view::npos;
  if (slash == std::string_view::npos && wildcard < glob.size() && host_begun)
    return shown + ", whose wildcard reaches into the registry's name: " +
           host::quoted(std::string(settled) + ".example.com/…") +
           " may match as well; write the registry out, with a '/' behind it";
  if (slash == std::string_view::npos || !is_domain(settled.substr(0, slash)))
    return shown + ", which names no registry; write it in full, as in 'docker.io/library/postgres:*'";
  const std::string_view path = settled.substr(slash + 1);
  if (glob.substr(wildcard, 1) == "*" && !path.empty() && path.find_first_of("/:@") == std::string_view::npos)
    return shown + ", whose '*' stands for '/' as well: " + host::quoted(std::string(settled) + "-of-others/…") +
           " matches too; put '/', ':' or '@' before the '*'";
  return {};
}

void lint_conditions(const Exception& exception, Warnings& warnings) {
  for (const auto& [attribute, globs] : exception.conditions) lint_wildcards(attribute, globs, warnings);
  for (const auto& [label, globs] : exception.labels)
    lint_wildcards("the label " + host::quoted(label), globs, warnings);
  if (const auto images = exception.conditions.find("image"); images != exception.conditions.end())
    for (const std::string& glob : images->second)
      if (const std::string fault = image_fault(glob); !fault.empty()) warnings.add("has the image " + fault);

  if (is_for(exception, host::Engine::kubernetes) && exception.conditions.count("namespace") == 0)
    warnings.add(
        "is for kubernetes and has no namespace: it holds in all of them, and pods have their names from whoever "
        "creates them; add the namespace, in which RBAC says who may create pods");
  const bool named_only = std::all_of(exception.conditions.begin(), exception.conditions.end(),
                                      [](const auto& condition) { return condition.first == "name"; });
  if (is_for(exception, host::Engine::docker) && named_only)
    warnings.add(
        "has nothing but names and labels, which whoever runs a container with docker chooses; add image_id "
        "or image");
}

// --- exceptions that grant nothing, or soon will ---

void lint_expiry(const Exception& exception, std::string_view today, Warnings& warnings) {
  if (exception.expired(today))
    warnings.add("has expired on " + exception.expires + " and grants nothing; delete it, or have it renewed");
  else if (const std::string soon_over = expiry_warning(exception, today); !soon_over.empty())
    warnings.tell(soon_over + "; replace what needs it by then, or have it renewed");
}

std::string place_of(const Exception& exception) { return exception.file + ":" + std::to_string(exception.line); }

void lint_redundancy(const std::vector<Exception>& exceptions, std::string_view today, Problems& into) {
  for (const auto& [redundant, because_of] : redundancies(exceptions, today))
    Warnings(*redundant, into)
        .add("is redundant: " + host::quoted(because_of->name) + " (" + place_of(*because_of) +
             ") grants all that it does; delete the one that is not meant");
}

void lint_names(const std::vector<Exception>& exceptions, Problems& into) {
  std::map<std::string_view, const Exception*> seen;
  for (const Exception& exception : exceptions)
    if (const auto [first, added] = seen.emplace(exception.name, &exception); !added)
      Warnings(exception, into)
          .add("has the name of another (" + place_of(*first->second) +
               "), and records and reports go by it; give it one of its own");
}

}  // namespace

Problems settings_warnings(const std::string& file, const Settings& settings) {
  Problems warnings;
  if (settings.mode == Mode::audit)
    warnings.push_back({file, 0, 0, "mode is audit: nothing is refused, only recorded; set it to enforce in the end"});
  for (std::size_t at = 0; at < exposure_names.size(); ++at)
    if (Settings().actions[at] == Action::refuse && settings.actions[at] != Action::refuse)
      warnings.push_back({file, 0, 0,
                          std::string(exposure_names[at]) + " is set to " + std::string(name_of(settings.actions[at])) +
                              ", for every container; set it to refuse, and except those that need it"});
  return warnings;
}

Problems allowlist_warnings(const Allowlist& allowlist, std::string_view today) {
  Problems found;
  for (const Exception& exception : allowlist.exceptions) {
    Warnings warnings(exception, found);
    lint_conditions(exception, warnings);
    lint_expiry(exception, today, warnings);
  }
  lint_redundancy(allowlist.exceptions, today, found);
  lint_names(allowlist.exceptions, found);
  std::stable_sort(found.begin(), found.end(), [](const Problem& one, const Problem& other) {
    return std::tie(one.file, one.line, one.column) < std::tie(other.file, other.line, other.column);
  });
  return found;
}

}  // namespace config
