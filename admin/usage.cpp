#include "admin/usage.h"

#include <memory>
#include <string>
#include <vector>

#include "admin/commands.h"
#include "config/allowlist.h"
#include "config/date.h"
#include "config/settings.h"
#include "config/vocabulary.h"

namespace admin {

namespace {

// A command whose options are kept as long as it is. `run` takes them.
template <class Options>
std::shared_ptr<Options> keep(CLI::App* command, std::function<int()>& chosen, int (*run)(const Options&)) {
  auto options = std::make_shared<Options>();
  command->final_callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
  return options;
}

void add_log(CLI::App* command, std::string& log) {
  command->add_option("--log", log,
                      "The decision log, - for standard input (default: what the settings name). " +
                          std::string("Rotated files are not read by themselves"));
}

void add_since(CLI::App* command, std::string& since) {
  command->add_option("--since", since, "Only records from that day on, YYYY-MM-DD, UTC")
      ->check([](const std::string& day) {
        return config::day_of(day) ? std::string() : "'" + day + "' is no day like 2027-03-31";
      });
}

void add_root(CLI::App* command, std::string& root) {
  command->add_option("--root", root, "The runtime's --root, where it keeps the state of its containers");
}

void add_json(CLI::App* command, bool& json, const std::string& what) {
  command
      ->add_option_function<std::string>(
          "--format", [&json](const std::string& format) { json = format == "json"; }, "text, or json for " + what)
      ->check(CLI::IsMember({"text", "json"}));
}

void add_check(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command =
      app.add_subcommand("check", "Judge a bundle, or a container that was created, as ipcguard-runtime would");
  const auto options = keep(command, chosen, check);
  command->add_option("--bundle,-b", options->bundle, "The bundle's folder; without it the container --id is judged");
  add_root(command, options->root);
  command->add_option("--id", options->id, "The container's id (default: the name of the bundle's folder)");
  command->add_option("--runtime", options->runtime, "The runtime's name in the settings")->capture_default_str();
  add_json(command, options->json, "the decision record");
  command->parse_complete_callback([options] {
    if (options->bundle.empty() && options->id.empty())
      throw CLI::ValidationError("ipcguard check", "needs --bundle DIR or --id ID");
  });
}

void add_validate(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("validate", "List everything that is wrong in settings and allowlist");
  const auto options = keep(command, chosen, validate);
  options->settings = config::settings_path;
  options->allowlist = config::allowlist_path;
  command->add_option("--config", options->settings, "The settings file")->capture_default_str();
  command->add_option("--allowlist", options->allowlist, "The allowlist folder")->capture_default_str();
}

void add_audit(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand(
      "audit", "Hold every container that runs on this host against the benchmarks' controls and the policy");
  const auto options = keep(command, chosen, audit);
  command->add_option("--format", options->format, "text, json, or junit")
      ->check(CLI::IsMember({"text", "json", "junit"}));
}

void add_report(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("report", "Count what was refused, warned of and excepted");
  const auto options = keep(command, chosen, report);
  add_log(command, options->log);
  add_since(command, options->since);
  command->add_option("--format", options->format, "text, json, or prometheus for node_exporter's textfile collector")
      ->check(CLI::IsMember({"text", "json", "prometheus"}));
}

void add_suggest(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command =
      app.add_subcommand("suggest", "Print the narrowest exceptions that would have admitted what was refused");
  const auto options = keep(command, chosen, suggest);
  add_log(command, options->log);
  add_since(command, options->since);
  command->add_option("--id", options->ids, "Only containers with that id, its first characters, or that name");
  command->add_option("--name", options->name, "Only containers with that name");
  command->add_option("--kind", options->kinds, "Only refusals because of that exposure")
      ->check(CLI::IsMember(std::vector<std::string>(config::exposure_names.begin(), config::exposure_names.end())));
}

void add_explain(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("explain", "Tell why a container was refused, and what would be different");
  const auto options = keep(command, chosen, explain);
  CLI::Option* id = command->add_option("ID", options->id, "The container's id, its first characters, or its name");
  add_log(command, options->log);
  command->add_option("--record", options->record, "A file with the record, one line; - for standard input")
      ->excludes(id);
  add_root(command, options->root);
  add_json(command, options->json, "programs");
  command->parse_complete_callback([options] {
    if (options->id.empty() && options->record.empty())
      throw CLI::ValidationError("ipcguard explain", "needs the container's ID or --record FILE");
  });
}

void add_test(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("test", "Try a policy on containers as they might be");
  const auto options = keep(command, chosen, test);
  options->policy = "/etc/ipcguard";
  command->add_option("FILE", options->files, "Cases, and what should become of each")->required();
  command->add_option("--policy", options->policy, "A folder with config.json and allowlist.d")->capture_default_str();
}

std::string absolute_path(const std::string& path) {
  return !path.empty() && path.front() == '/' ? std::string() : "'" + path + "' is no absolute path";
}

void add_configure(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("configure", "Register ipcguard-runtime with an engine, or take it out again");
  const auto options = keep(command, chosen, configure);
  command->add_option("ENGINE", options->engine, "The engine")
      ->required()
      ->check(CLI::IsMember(configurable_engines()));
  CLI::Option* make_default =
      command->add_flag("--default", options->make_default, "Also make it what runs when nobody says otherwise");
  command->add_option("--runtime-name", options->name, "The name to register it by (default: ipcguard)")
      ->check([](const std::string& name) {
        const bool plain =
            !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == name.npos;
        return plain ? std::string() : "'" + name + "' is no name: use a-z, 0-9, - and _";
      });
  command->add_option("--runtime", options->runtime, "ipcguard-runtime (default: the one beside this program)")
      ->check(absolute_path);
  command->add_option("--config", options->config, "The engine's file (default: the one that it reads)")
      ->check(absolute_path);
  command->add_flag("--dry-run", options->dry_run, "Show what would be changed, as a diff, and change nothing");
  command->add_flag("--remove", options->remove, "Take it out again and put back what was there")
      ->excludes(make_default);
}

void add_doctor(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("doctor", "Find every way around the shim on this host");
  const auto options = keep(command, chosen, doctor);
  add_json(command, options->json, "programs");
}

void add_harden(CLI::App& app, std::function<int()>& chosen) {
  CLI::App* command = app.add_subcommand("harden", "Put ipcguard-runtime in the place of runc and crun themselves");
  const auto options = keep(command, chosen, harden);
  command
      ->add_option("PATH", options->paths,
                   "The runtimes (default: those hardened before, runc and crun where they are)")
      ->check(absolute_path);
  command->add_option("--runtime", options->runtime, "ipcguard-runtime (default: the one beside this program)")
      ->check(absolute_path);
  command->add_flag("--dry-run", options->dry_run, "Tell what would be done, and change nothing");
  command->add_flag("--remove", options->remove, "Put the runtimes back");
}

}  // namespace

void add_commands(CLI::App& app, std::function<int()>& chosen) {
  app.require_subcommand(1);
  for (const auto add : {add_check, add_audit, add_doctor, add_validate, add_report, add_suggest, add_explain, add_test,
                         add_configure, add_harden})
    add(app, chosen);
}

}  // namespace admin
