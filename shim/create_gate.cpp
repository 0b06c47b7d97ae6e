#include "shim/create_gate.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "host/engine.h"
#include "host/fd.h"
#include "host/file.h"
#include "host/text.h"
#include "oci/bundle.h"
#include "shim/identity.h"
#include "shim/pod.h"

namespace shim {

namespace {

using config::Exposure;
using config::ExposureKind;
using host::Error;
using host::ErrorKind;

// The container's config.json, read once.
oci::Bundle read_bundle(const std::string& folder) {
  const host::Fd bundle(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string shown = host::quoted(folder + "/config.json");
  if (!bundle)
    throw Error(ErrorKind::invalid_config,
                "the bundle " + host::quoted(folder) + " cannot be opened: " + host::reason(errno));
  constexpr host::FileRules rules{host::Owner::root_or_caller, oci::max_document, ErrorKind::invalid_config};
  const auto document = host::read_file(bundle.get(), "config.json", rules, shown);
  if (!document) throw Error(ErrorKind::invalid_config, shown + ": " + host::reason(ENOENT));
  try {
    return oci::read_bundle(document->text);
  } catch (const Error& error) {
    throw Error(error.kind(), shown + ": " + error.what());
  }
}

std::vector<Exposure> exposures_of(const oci::Bundle& bundle, const Request& request, host::Engine engine,
                                   const host::Kernel& kernel) {
  if (!bundle.ipc) return {{ExposureKind::host_ipc, "linux.namespaces has no ipc entry"}};
  if (bundle.ipc->path.empty()) return {};
  const std::string path = host::quoted(bundle.ipc->path);
  const host::NamespaceId joined = kernel.ipc_at(bundle.ipc->path);
  const auto host = kernel.host_ipc();
  if (std::find(host.begin(), host.end(), joined) != host.end())
    return {{ExposureKind::host_ipc, "the ipc entry's path " + path + " is the host's IPC namespace"}};
  if (joins_own_sandbox(bundle, joined, request.root, engine, kernel)) return {};
  return {{ExposureKind::foreign_ipc, "the ipc entry's path " + path + " is another container's IPC namespace"}};
}

// What a checkpoint adds to that: CRIU puts processes back into an IPC namespace only if they were dumped with one,
// whatever config.json says (criu/pstree.c, root_ns_mask), and then the dump has files of it, ipcns-var-ID.img among
// them.
std::vector<Exposure> exposures_of_checkpoint(const std::string& image, const oci::Bundle& bundle,
                                              const std::string& folder) {
  if (bundle.annotations.contains("org.criu.config"))
    throw Error(ErrorKind::ambiguous_config,
                "the annotation 'org.criu.config' names settings of CRIU's that may let what is restored join other "
                "namespaces");
  bool found = false;
  for (const std::string& place : {image, folder + "/" + image}) {
    std::error_code error;
    bool ipc = false;
    std::filesystem::directory_iterator files(place, error);
    if (error) continue;
    found = true;
    for (; !error && files != std::filesystem::directory_iterator(); files.increment(error))
      ipc = ipc || files->path().filename().string().starts_with("ipcns-var-");
    if (!ipc)
      return {
          {ExposureKind::host_ipc, "the checkpoint in " + host::quoted(place) + " has no IPC namespace of its own"}};
  }
  if (!found) throw Error(ErrorKind::unverifiable, "there is no checkpoint that can be read in " + host::quoted(image));
  return {};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &day)};
}

}  // namespace

Judgement judge_create(const Request& request, Policy& policy, const host::Kernel& kernel) {
  const config::Settings& settings = policy.settings();
  Judgement judgement;
  try {
    if (const auto& problems = policy.settings_problems(); !problems.empty())
      throw Error(ErrorKind::invalid_policy,
                  problems.front().text() +
                      "; no container is created until that is mended, and ipcguard validate lists all of it");
    const oci::Bundle bundle = read_bundle(request.bundle);
    const std::string folder = host::without_links(request.bundle);
    const host::Engine engine = bundle.ipc && bundle.ipc->path.empty()
                                    ? host::Engine::unknown
                                    : host::recognise(folder, settings.engines).engine;
    auto exposures = exposures_of(bundle, request, engine, kernel);
    if (exposures.empty() && request.checkpoint)
      exposures = exposures_of_checkpoint(*request.checkpoint, bundle, folder);
    judgement.bundle = folder;
    if (exposures.empty()) return judgement;
    judgement.container = identify(folder, request.id, settings.engines);
    judgement.decision = config::decide(exposures, judgement.container, settings, policy.allowlist(), today());
    for (const config::Problem& problem : policy.allowlist().problems)
      judgement.allowlist_problems.push_back(problem.text());
  } catch (const Error& error) {
    return unjudged(request, error, settings);
  }
  return judgement;
}

Judgement unjudged(const Request& request, const Error& error, const config::Settings& settings) {
  Judgement judgement;
  judgement.error = error;
  judgement.decision.outcome = config::Outcome::refuse;
  judgement.bundle = host::without_links(request.bundle);
  judgement.container = identify(judgement.bundle, request.id, settings.engines);
  return judgement;
}

}  // namespace shim
