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
  CLI::App* check_command =
      app.add_subcommand("check", "Judge a bundle, or a container that was created, as ipcguard-runtime would");
  std::string format = "text";
  check_command->add_option("--bundle,-b", check.bundle,
                            "The bundle's folder; without it the container --id is judged");
  check_command->add_option("--root", check.root, "The runtime's --root, where it keeps the state of its containers");
  check_command->add_option("--id", check.id, "The container's id (default: the name of the bundle's folder)");
  check_command->add_option("--runtime", check.runtime, "The runtime's name in the settings")->capture_default_str();
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
  if (check_command->parsed() && check.bundle.empty() && check.id.empty()) {
    std::cerr << "ipcguard check needs --bundle DIR or --id ID\n";
    return 2;
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
