#include "shim/record.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "config/date.h"
#include "host/text.h"

namespace shim {

namespace {

using Json = nlohmann::ordered_json;
using config::ExposureKind;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// Adds what says something.
void add(Json& object, const char* name, const Json& value) {
  if (value.is_string() ? value != "" : !value.empty()) object[name] = value;
}

Json exposure_of(const config::JudgedExposure& judged) {
  return {{"kind", config::name_of(judged.exposure.kind)},
          {"detail", judged.exposure.detail},
          {"action", config::name_of(judged.action)},
          {"exception", judged.exception ? Json(judged.exception->name) : Json(nullptr)}};
}

// The exceptions that granted something, each once.
Json exceptions_of(const config::Decision& decision) {
  Json exceptions = Json::array();
  std::set<std::string> seen;
  for (const config::JudgedExposure& judged : decision.exposures) {
    if (!judged.exception || !seen.insert(judged.exception->name).second) continue;
    Json exception = {{"name", judged.exception->name}};
    add(exception, "reason", judged.exception->reason);
    add(exception, "owner", judged.exception->owner);
    add(exception, "expires", judged.exception->expires);
    exceptions.push_back(std::move(exception));
  }
  return exceptions;
}

Json container_of(const Judgement& judgement) {
  const auto attribute = [&](std::string_view name) {
    return text_or_null(judgement.container.attribute(name).value_or(""));
  };
  return {{"engine", host::name_of(judgement.container.engine)},
          {"id", attribute("id")},
          {"name", attribute("name")},
          {"image", attribute("image")},
          {"namespace", attribute("namespace")},
          {"pod", attribute("pod")}};
}

// What else is known of who it is.
Json identity_of(const config::Container& container) {
  Json identity = Json::object();
  for (const char* name : {"container", "image_id"}) add(identity, name, container.attribute(name).value_or(""));
  add(identity, "labels", container.labels);
  add(identity, "unestablished", container.unestablished);
  return identity;
}

constexpr std::size_t max_told = 5;  // of a kind, in a refusal: it is one line

std::string name_of_container(const config::Container& container) {
  const std::string id = container.attribute("id").value_or("");
  if (id.empty()) return "a container without a name";
  std::string out = "container " + host::quoted(container.attribute("name").value_or(id), 128), more;
  if (const auto pod = container.attribute("pod"))
    more = "pod " + host::quoted(container.attribute("namespace").value_or("") + "/" + *pod, 256);
  if (const auto name = container.attribute("container")) more += ", container " + host::quoted(*name, 128);
  if (const auto image = container.attribute("image"))
    more += (more.empty() ? "" : ", ") + ("image " + host::quoted(*image, 256));
  return more.empty() ? out : out + " (" + more + ")";
}

}  // namespace

const char* advice(config::ExposureKind kind) {
  switch (kind) {
    case ExposureKind::host_ipc:
      return "leave out --ipc=host (Docker, Podman), ipc: host (Compose) or hostIPC: true (Kubernetes); for more "
             "shared memory use --shm-size or an "
             "emptyDir with medium: Memory";
    case ExposureKind::foreign_ipc:
      return "use --ipc=private or --ipc=shareable instead of --ipc=container:…, or put the containers into one pod";
    case ExposureKind::host_shm:
    case ExposureKind::host_mqueue:
    case ExposureKind::host_shm_recursive:
      return "leave out the mount; for shared memory use --shm-size or an emptyDir with medium: Memory";
    case ExposureKind::host_proc: return "leave out the mount of /proc and the host's PID namespace";
  }
  return "";
}

std::string utc(std::chrono::system_clock::time_point time, bool milliseconds) {
  const auto digits = [](std::int64_t number, int count) {
    const std::string text = std::to_string(number);
    return std::string(static_cast<std::size_t>(count) - text.size(), '0') + text;
  };
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::milliseconds>(time - day)};
  std::string out = config::text_of(day) + "T" + digits(clock.hours().count(), 2) + ":" +
                    digits(clock.minutes().count(), 2) + ":" + digits(clock.seconds().count(), 2);
  if (milliseconds) out += "." + digits(clock.subseconds().count(), 3);
  return out + "Z";
}

std::string decision_record(const Judgement& judgement, const Circumstances& circumstances) {
  Json exposures = Json::array();
  for (const config::JudgedExposure& judged : judgement.decision.exposures) exposures.push_back(exposure_of(judged));
  Json error = nullptr;
  if (judgement.error) error = {{"kind", host::name_of(judgement.error->kind())}, {"detail", judgement.error->what()}};
  Json record = {{"time", utc(circumstances.time, true)},
                 {"decision", config::name_of(judgement.decision.outcome)},
                 {"gate", circumstances.gate},
                 {"mode", config::name_of(circumstances.mode)},
                 {"exposures", exposures},
                 {"error", error},
                 {"container", container_of(judgement)},
                 {"bundle", text_or_null(judgement.subject.bundle)},
                 {"runtime", text_or_null(circumstances.runtime)},
                 {"policy", circumstances.policy},
                 {"version", IPCGUARD_VERSION}};
  // The fields above are always there; these where they say something.
  add(record, "identity", identity_of(judgement.container));
  add(record, "exceptions", exceptions_of(judgement.decision));
  add(record, "warnings", judgement.warnings);
  // Arguments and paths may be any bytes: what is not UTF-8 becomes U+FFFD.
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_recorded(const Judgement& judgement, const config::Settings& settings) {
  return settings.log.everything || judgement.error || !judgement.decision.exposures.empty();
}

std::string refusal_message(const Judgement& judgement) {
  std::string message = "ipcguard: refused: " + name_of_container(judgement.container) + ": ";
  if (judgement.error)
    return message + std::string(host::name_of(judgement.error->kind())) + ": " +
           host::printable(judgement.error->what(), 2048);
  const char* todo = "";
  std::size_t told = 0;
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    if (judged.action != config::Action::refuse || ++told > max_told) continue;
    message += std::string(config::name_of(judged.exposure.kind)) + ": " + judged.exposure.detail + "; ";
    for (std::size_t at = 0; at < std::min(judged.expired.size(), max_told); ++at)
      message += "the exception " + host::quoted(judged.expired[at]) + " has expired; ";
    if (*todo == '\0') todo = advice(judged.exposure.kind);
  }
  if (told > max_told) message += "and " + std::to_string(told - max_told) + " more; ";
  if (!judgement.container.unestablished.empty())
    message += "who it is could not be established (" + host::printable(judgement.container.unestablished) + "); ";
  for (std::size_t at = 0; at < std::min(judgement.allowlist_problems.size(), max_told); ++at)
    message += "an allowlist file grants nothing: " + host::printable(judgement.allowlist_problems[at]) + "; ";
  return message + todo + "; or have an exception granted in " + config::allowlist_path;
}

}  // namespace shim
