// ipcguard: the operator's command.

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "admin/commands.h"
#include "config/allowlist.h"
#include "config/settings.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app{"Keeps containers out of the host's IPC: checks bundles and the policy that ipcguard-runtime enforces."};
  app.name("ipcguard");
  app.set_version_flag("--version", IPCGUARD_VERSION);
  app.require_subcommand(1);

  admin::CheckOptions check;
  CLI::App* check_command = app.add_subcommand("check", "Judge a bundle as ipcguard-runtime would, without running it");
  std::string format = "text";
  check_command->add_option("--bundle,-b", check.bundle, "The bundle's folder")->required();
  check_command->add_option("--root", check.root,
                            "The runtime's --root, where the state of a pod's sandbox is looked up");
  check_command->add_option("--id", check.id, "The container's id (default: the name of the bundle's folder)");
  check_command->add_option("--format", format, "text, or json for the decision record")
      ->check(CLI::IsMember({"text", "json"}));

  admin::ValidateOptions validate{config::settings_path, config::allowlist_path};
  CLI::App* validate_command =
      app.add_subcommand("validate", "List everything that is wrong in settings and allowlist");
  validate_command->add_option("--config", validate.settings, "The settings file")->capture_default_str();
  validate_command->add_option("--allowlist", validate.allowlist, "The allowlist folder")->capture_default_str();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  check.json = format == "json";
  return check_command->parsed() ? admin::check(check) : admin::validate(validate);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "ipcguard: " << error.what() << "\n";
  }
  return 1;
}
