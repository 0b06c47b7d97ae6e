#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <utility>

#include "admin/commands.h"
#include "admin/policy.h"
#include "admin/records.h"
#include "config/cases.h"
#include "host/file.h"
#include "host/namespaces.h"
#include "host/text.h"
#include "shim/create_gate.h"

namespace admin {

namespace {

constexpr std::size_t max_cases = std::size_t{16} << 20U;  // bytes a file, as of an allowlist file

config::Cases read_cases(const std::string& path) {
  const host::FileRules rules{host::Owner::root_or_caller, max_cases, host::ErrorKind::invalid_policy};
  const auto file = host::read_file(AT_FDCWD, path, rules, host::quoted(path));
  if (!file) throw host::Error(host::ErrorKind::invalid_policy, host::quoted(path) + ": " + host::reason(ENOENT));
  return config::parse_cases(path, file->text);
}

// What is wrong with a case; empty if nothing is. Bundles stand relative to the folder of the cases.
std::string failure_of(const config::Case& one, const std::filesystem::path& folder, shim::Policy& policy) {
  if (one.container) {
    const std::string day = one.today.empty() ? today() : one.today;
    return config::difference(
        one, config::decide(one.exposures, *one.container, policy.settings(), policy.allowlist(), day));
  }
  const std::string bundle = (folder / one.bundle).string();
  const std::string id = one.id.empty() ? std::filesystem::path(one.bundle).filename().string() : one.id;
  const shim::Judgement judgement =
      shim::judge_create({bundle, id, std::nullopt, /*thorough=*/true}, policy, host::kernel());
  // It is refused whatever the policy, so a case that expects just that would hold for a name that was misspelt.
  if (judgement.error) return "the bundle could not be judged: " + std::string(judgement.error->what());
  return config::difference(one, judgement.decision);
}

// In TAP a "#" begins a directive, and "# TODO" would make a failure count as none.
std::string tap(const std::string& text) {
  std::string out;
  for (const char c : host::printable(text, 2048)) out += c == '#' ? "\\#" : std::string(1, c);
  return out;
}

shim::Policy policy_in(const std::string& folder) {
  const std::string settings = folder + "/config.json", allowlist = folder + "/allowlist.d";
  // A folder that was misspelt would pass for a policy of defaults.
  if (!std::filesystem::exists(settings) && !std::filesystem::exists(allowlist))
    throw host::Error(host::ErrorKind::invalid_policy,
                      host::quoted(folder) +
                          " has neither config.json nor allowlist.d; --policy should name a folder " +
                          "with one of them");
  return policy_at(settings, allowlist);
}

}  // namespace

int test(const TestOptions& options) {
  shim::Policy policy = policy_in(options.policy);
  std::vector<std::pair<std::filesystem::path, config::Case>> cases;
  config::Problems problems = policy.settings_problems();
  const auto add = [&](const config::Problems& more) { problems.insert(problems.end(), more.begin(), more.end()); };
  add(policy.allowlist().problems);
  for (const std::string& path : options.files) {
    const config::Cases file = read_cases(path);
    add(file.problems);
    for (const config::Case& one : file.cases) cases.emplace_back(std::filesystem::path(path).parent_path(), one);
  }
  for (const config::Problem& problem : problems) std::cerr << host::printable(problem.text(), 4096) << "\n";
  if (!problems.empty()) {
    std::cout << "Bail out! The policy or its cases have mistakes, which standard error lists\n";
    return 1;
  }
  bool failed = false;
  std::cout << "1.." << cases.size() << "\n";
  for (std::size_t at = 0; at < cases.size(); ++at) {
    const auto& [folder, one] = cases[at];
    const std::string failure = failure_of(one, folder, policy);
    std::cout << (failure.empty() ? "ok " : "not ok ") << at + 1 << " - " << tap(one.name)
              << (failure.empty() ? "" : ": " + tap(failure)) << "\n";
    failed = failed || !failure.empty();
  }
  return failed ? 1 : 0;
}

}  // namespace admin
