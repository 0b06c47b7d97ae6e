#include "shim/create_gate.h"

#include <fcntl.h>

#include <cerrno>
#include <exception>
#include <iterator>
#include <utility>

#include "host/engine.h"
#include "host/fd.h"
#include "host/file.h"
#include "host/path.h"
#include "host/text.h"
#include "oci/bundle.h"
#include "shim/declared.h"

namespace shim {

namespace {

using host::Error;
using host::ErrorKind;

struct Read {
  oci::Bundle bundle;
  std::string folder;  // without links
};

// The container's config.json, read once.
Read read_bundle(const std::string& path, const std::function<void()>& meanwhile) {
  const host::Fd folder(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder)
    throw Error(ErrorKind::invalid_config,
                "the bundle " + host::quoted(path) + " cannot be opened: " + host::reason(errno));
  const std::string shown = host::quoted(path + "/config.json");
  constexpr host::FileRules rules{host::Owner::root_or_caller, oci::max_document, ErrorKind::invalid_config};
  const auto document = host::read_file(folder.get(), "config.json", rules, shown);
  if (!document) throw Error(ErrorKind::invalid_config, shown + ": " + host::reason(ENOENT));
  Read read;
  try {
    read.bundle = oci::read_bundle(document->text, [&] {
      read.folder = host::path_of(folder.get());
      // Sources that are relative count from there, and crun finds them without.
      if (read.folder.empty())
        throw Error(ErrorKind::unverifiable,
                    "where it lies cannot be told: its path is too long, or there is no /proc");
      meanwhile();
    });
    return read;
  } catch (const Error& error) {
    throw Error(error.kind(), shown + ": " + error.what());
  }
}

std::vector<config::Exposure> exposures_of(const oci::Bundle& bundle, const Request& request, const std::string& folder,
                                           const host::EngineFolders& engines, const host::Kernel& kernel) {
  const bool joins = bundle.ipc && bundle.ipc->path;
  const host::Engine engine = joins ? engine_of(folder, engines) : host::Engine::unknown;
  auto exposures = exposures_of_namespaces(bundle, folder, request.root, engine, kernel);
  const auto add = [&](std::vector<config::Exposure> more) {
    std::move(more.begin(), more.end(), std::back_inserter(exposures));
  };
  add(exposures_of_mounts(bundle, folder, request.thorough || request.descriptors, kernel));
  if (request.descriptors) add(exposures_of_descriptors(*request.descriptors, kernel));
  if (request.checkpoint) add(exposures_of_checkpoint(bundle, folder, *request.checkpoint));
  return exposures;
}

}  // namespace

Judgement judge_create(const Request& request, Policy& policy, const host::Kernel& kernel,
                       const std::function<std::optional<Error>()>& objection) {
  bool asked = false;
  std::optional<Error> objected;
  const auto ask = [&] {
    if (std::exchange(asked, true)) return;
    try {
      if (objection) objected = objection();
      if (!objected) require_sound_settings(policy);
    } catch (const std::exception& thrown) {
      objected = as_error(thrown);
    }
  };
  Subject subject{{}, request.id, {}, request.checkpoint.has_value()};
  try {
    const auto [bundle, folder] = read_bundle(request.bundle, ask);
    subject.bundle = folder;
    subject.annotations = bundle.annotations;
    if (objected) throw Error(*objected);
    const auto exposures = exposures_of(bundle, request, folder, policy.settings().engines, kernel);
    return judge(exposures, std::move(subject), policy);
  } catch (const std::exception& thrown) {
    ask();
    if (subject.bundle.empty()) subject.bundle = host::without_links(request.bundle);
    return unjudged(std::move(subject), objected ? *objected : as_error(thrown), policy);
  }
}

}  // namespace shim
