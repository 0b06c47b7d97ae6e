#include "config/settings.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using config::Action;
using config::ExposureKind;
using config::Mode;
using config::parse_settings;
using config::Settings;

namespace {

Settings good(std::string_view text) {
  const auto file = parse_settings("f", text);
  for (const auto& problem : file.problems) FAIL_CHECK(problem.text());
  return file.settings;
}

std::vector<std::string> problems(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& problem : parse_settings("f", text).problems) out.push_back(problem.text());
  return out;
}

std::string as_text(const Settings& settings) {
  std::string out(config::name_of(settings.mode));
  for (const auto& [name, path] : settings.runtimes) out += " " + name + "=" + path;
  for (const Action action : settings.actions) out += " " + std::string(config::name_of(action));
  for (const auto& [name, value] : settings.runtime_options) out += " " + name + (value ? "=" : "");
  out += " " + settings.log.file + (settings.log.syslog ? " syslog" : "") + (settings.log.everything ? " all" : "");
  for (const auto* folders :
       {&settings.engines.containerd_state, &settings.engines.docker_exec_root, &settings.engines.docker_data_root}) {
    out += " |";
    for (const std::string& folder : *folders) out += " " + folder;
  }
  return out;
}

const std::string defaults =
    "enforce default=/usr/bin/runc refuse refuse refuse refuse warn warn /var/log/ipcguard/decisions.jsonl"
    " | /run/containerd /run/k3s/containerd /var/snap/microk8s/common/run/containerd | /run/docker | /var/lib/docker";

}  // namespace

TEST_CASE("what is left out has its default") {
  CHECK(as_text(Settings()) == defaults);
  for (const char* text : {"{}", "// nothing\n{ /* here */ }", R"({"runtimes":{}})", R"({"exposures":{}})",
                           R"({"log":{}})", R"({"engines":{}})", R"({"runtime_options":{}})"})
    CHECK(as_text(good(text)) == defaults);
}

TEST_CASE("the settings that are installed are the defaults") {
  CHECK(as_text(good(tests::read_whole(TESTS_FOLDER "/../config/default/config.json"))) == defaults);
}

TEST_CASE("every part can be set") {
  const Settings settings = good(R"({
    "mode": "audit",
    "runtimes": { "crun": "/usr/bin/crun", "default": "/opt/runc" },
    "exposures": { "host-ipc": "warn", "foreign-ipc": "allow", "host-shm-recursive": "refuse", "host-proc": "allow" },
    "runtime_options": { "--criu": "value", "--quiet": "flag" },
    "log": { "file": "/l", "syslog": true, "record": "all" },
    "engines": { "containerd_state": ["/a", "/b"], "docker_exec_root": "/c", "docker_data_root": ["/d"] }
  })");
  CHECK(as_text(settings) ==
        "audit crun=/usr/bin/crun default=/opt/runc warn allow refuse refuse refuse allow --criu= --quiet /l syslog all"
        " | /a /b | /c | /d");
  CHECK(settings.action_for(ExposureKind::host_ipc) == Action::warn);
  CHECK(settings.action_for(ExposureKind::host_proc) == Action::allow);
  CHECK_FALSE(good(R"({"log":{"record":"notable"}})").log.everything);
  CHECK(good(R"({"mode":"enforce"})").mode == Mode::enforce);
}

TEST_CASE("each exposure can be set to each action, and to nothing else") {
  for (std::size_t at = 0; at < config::exposure_names.size(); ++at) {
    const std::string key(config::exposure_names[at]);
    for (std::size_t action = 0; action < 3; ++action) {
      const std::string text =
          "{\"exposures\":{\"" + key + "\":\"" + std::string(config::action_names[action]) + "\"}}";
      Settings wanted;
      wanted.actions[at] = static_cast<Action>(action);
      CHECK(as_text(good(text)) == as_text(wanted));
    }
    CHECK(problems("{\"exposures\":{\"" + key + "\":\"excepted\"}}") ==
          std::vector<std::string>{"f:1:" + std::to_string(18 + key.size()) + ": " + key +
                                   " is 'excepted' and should be one of: allow, warn, refuse"});
  }
}

TEST_CASE("each fault of the settings is told with its place, what was found and what is expected") {
  const struct {
    const char* text;
    const char* problem;
  } cases[] = {
      {"[]", "f:1:1: the file is a list and should be an object"},
      {"null", "f:1:1: the file is null and should be an object"},
      {"{\n  \"modes\": 1}",
       "f:2:3: unknown key 'modes' in the file; known are: mode, runtimes, runtime_options, exposures, log, engines"},
      {R"({"Mode":"audit"})",
       "f:1:2: unknown key 'Mode' in the file; known are: mode, runtimes, runtime_options, exposures, log, engines"},
      {R"({"mode":"off"})", "f:1:9: mode is 'off' and should be one of: enforce, audit"},
      {R"({"mode":""})", "f:1:9: mode is empty or has a NUL in it and should be text"},
      {R"({"mode":true})", "f:1:9: mode is true or false and should be text"},
      {R"({"mode":null})", "f:1:9: mode is null and should be text"},
      {R"({"mode":["audit"]})", "f:1:9: mode is a list and should be text"},
      {R"({"mode":"audit","mode":"audit"})", "f:1:17: the key 'mode' is there twice"},
      {R"({"runtimes":"/usr/bin/runc"})", "f:1:13: runtimes is text and should be an object"},
      {R"({"runtimes":{"default":"runc"}})", "f:1:24: the runtime 'default' is 'runc' and should be an absolute path"},
      {R"({"runtimes":{"default":1}})", "f:1:24: the runtime 'default' is a number and should be text"},
      {R"({"exposures":[]})", "f:1:14: exposures is a list and should be an object"},
      {R"({"exposures":{"host_ipc":"warn"}})",
       "f:1:15: unknown key 'host_ipc' in exposures; known are: host-ipc, foreign-ipc, host-shm, host-mqueue, "
       "host-shm-recursive, host-proc"},
      {R"({"exposures":{"host-ipc":false}})", "f:1:26: host-ipc is true or false and should be text"},
      {R"({"exposures":{"host-ipc":"deny"}})", "f:1:26: host-ipc is 'deny' and should be one of: allow, warn, refuse"},
      {R"({"log":"/l"})", "f:1:8: log is text and should be an object"},
      {R"({"log":{"path":"/l"}})", "f:1:9: unknown key 'path' in log; known are: file, syslog, record"},
      {R"({"log":{"file":"l"}})", "f:1:16: log.file is 'l' and should be an absolute path"},
      {R"({"log":{"syslog":"yes"}})", "f:1:18: log.syslog is text and should be true or false"},
      {R"({"log":{"record":"none"}})", "f:1:18: log.record is 'none' and should be one of: notable, all"},
      {R"({"engines":{"podman":"/x"}})",
       "f:1:13: unknown key 'podman' in engines; known are: containerd_state, docker_exec_root, docker_data_root, "
       "containers_storage"},
      {R"({"engines":{"docker_exec_root":[]}})",
       "f:1:32: engines.docker_exec_root is an empty list; leave it out or name at least one"},
      {R"({"engines":{"docker_exec_root":["/a","b"]}})",
       "f:1:32: engines.docker_exec_root should have absolute paths only"},
      {R"({"engines":{"docker_data_root":[1]}})", "f:1:33: engines.docker_data_root is a number and should be text"},
      {R"({"runtime_options":["--x"]})", "f:1:20: runtime_options is a list and should be an object"},
      {R"({"runtime_options":{"--x":true}})", "f:1:27: the option '--x' is true or false and should be text"},
      {R"({"runtime_options":{"--x":"values"}})",
       "f:1:27: the option '--x' is 'values' and should be one of: flag, value"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    CHECK(problems(one.text) == std::vector<std::string>{one.problem});
  }
  for (const char* option : {"x", "-x", "--", "-", "", "--a=b", "--a b", "-- a", " --a"})
    CHECK(problems("{\"runtime_options\":{\"" + std::string(option) + "\":\"flag\"}}").size() == 1);
}

TEST_CASE("every fault is listed, not only the first") {
  CHECK(problems("{\n\"mode\":1,\n\"log\":{\"file\":\"x\",\"syslog\":2},\n\"exposures\":{\"x\":1},\n\"y\":3}").size() ==
        5);
}

TEST_CASE("a text that is no JSON is one fault") {
  for (const char* text : {"", "{", "{\"mode\":}", "{\"mode\":\"audit\",}", "mode: audit",
                           "{\"runtimes\":{\"default\":1", "{\"mode\":\"audit\"} x"})
    CHECK(problems(text).size() == 1);
}

TEST_CASE("of broken settings the runtimes are kept that could be read, and nothing else") {
  const auto broken = [](std::string_view text) {
    const auto file = parse_settings("f", text);
    CHECK_FALSE(file.problems.empty());
    return as_text(file.settings);
  };
  const auto with_runtimes = [&](const std::string& runtimes) {
    return std::string(defaults).replace(8, 21, runtimes);
  };
  REQUIRE(with_runtimes("default=/usr/bin/runc") == defaults);
  CHECK(broken(R"({"mode":"audit","exposures":{"host-ipc":"allow"},"runtime_options":{"--x":"flag"},
                   "log":{"file":"/l"},"engines":{"docker_exec_root":"/x"},"runtimes":{"default":"/r"},"y":1})") ==
        with_runtimes("default=/r"));
  CHECK(broken(R"({"runtimes":{"a":"/a","b":"b","c":3,"default":"/r"}})") == with_runtimes("a=/a default=/r"));
  // cut off
  CHECK(broken(R"({"runtimes":{"default":"/r","crun":"/c"},"mode":)") == with_runtimes("crun=/c default=/r"));
  CHECK(broken(R"({"runtimes":{"default":"/r","crun)") == with_runtimes("default=/r"));
  CHECK(broken(R"({"runtimes":{"default":"/r)") == defaults);
  CHECK(broken("") == defaults);
  CHECK(broken("[]") == defaults);
}
