// ipcguard: the operator's command.

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <iostream>

#include "admin/usage.h"
#include "host/sandbox.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"Keeps containers out of the host's IPC: checks bundles and the policy that ipcguard-runtime enforces."};
  app.name("ipcguard");
  app.set_version_flag("--version", IPCGUARD_VERSION);
  std::function<int()> chosen;
  admin::add_commands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  host::forbid_core_dumps();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "ipcguard: " << error.what() << "\n";
  }
  return 1;
}
