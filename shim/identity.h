// Who the container is, for exceptions and records.
#pragma once

#include <string>

#include "config/container.h"
#include "host/engine.h"
#include "oci/bundle.h"

namespace shim {

// What is to be identified.
struct Subject {
  std::string bundle;  // without links; empty if it is not known
  std::string id;      // may be empty when only checking
  // As far as they are known. Which of them are believed depends on the engine: those that it writes after whatever the
  // container's creator asked for.
  oci::Annotations annotations = {};
  bool restored = false;  // from a checkpoint, which brings memory and files of its own
};

// Who it is. What is known comes from where only root, or the engine, writes: the bundle's path, the record that the
// engine found by it keeps, and annotations that the engine writes last.
config::Container identify(const Subject& subject, const host::EngineFolders& folders);

// Which engine called for a bundle, an absolute path without links; CRI-O and Podman told apart by their records.
host::Engine engine_of(const std::string& bundle, const host::EngineFolders& folders);

}  // namespace shim
