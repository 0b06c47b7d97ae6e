#include "admin/report.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "shim/record.h"
#include "tests/unit/catch.h"

using admin::Record;
using admin::Report;
using config::Action;

namespace {

constexpr const char* today = "2026-11-21";

config::Exception exception(const std::string& name, const std::string& expires = {}) {
  config::Exception exception;
  exception.name = name;
  exception.expires = expires;
  exception.file = "/p/a.json";
  return exception;
}

Record record(const std::string& time, Action action, const std::string& by = {}, const std::string& image = "i") {
  Record record;
  record.time = time;
  record.gate = "create";
  record.judgement.container.engine = host::Engine::docker;
  record.judgement.container.attributes["image"] = image;
  record.judgement.decision.outcome = action == Action::refuse ? config::Outcome::refuse : config::Outcome::allow;
  record.judgement.decision.exposures = {{{config::ExposureKind::host_ipc, ""}, action, {}, {}}};
  if (!by.empty()) record.judgement.decision.exposures[0].exception = exception(by);
  return record;
}

nlohmann::json as_json(const Report& report) {
  std::ostringstream out;
  report.write_json(out);
  return nlohmann::json::parse(out.str());
}

template <class Write>
std::string written(const Report& report, Write write) {
  std::ostringstream out;
  (report.*write)(out);
  return out.str();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("records are counted by what they say, with the first and last time") {
  const config::Allowlist none;
  Report report(none, today);
  report.add(record("2026-11-20T02", Action::refuse));
  report.add(record("2026-11-20T01", Action::refuse));
  report.add(record("2026-11-20T03", Action::excepted, "gpu"));
  Record plain;
  plain.time = "2026-11-20T04";
  plain.judgement.container.attributes["image"] = "plain";
  report.add(plain);
  Record error = plain;
  error.judgement.decision.outcome = config::Outcome::refuse;
  error.judgement.error = host::Error(host::ErrorKind::invalid_policy, "x");
  report.add(error);
  const nlohmann::json json = as_json(report);
  CHECK(json["decisions"].size() == 4);  // the plain one and the error have no gate
  CHECK(json["exposures"] == nlohmann::json::parse(R"([
          {"kind":"host-ipc","action":"excepted","engine":"docker","count":1,"first":"2026-11-20T03","last":"2026-11-20T03"},
          {"kind":"host-ipc","action":"refuse","engine":"docker","count":2,"first":"2026-11-20T01","last":"2026-11-20T02"}])"));
  CHECK(json["errors"][0]["kind"] == "invalid-policy");
  CHECK(json["exceptions"][0]["exception"] == "gpu");
  // A plain private container is in no list of images; one that could not be judged is.
  REQUIRE(json["images"].size() == 3);
  CHECK(json["images"][2]["image"] == "plain");
  CHECK(json["images"][2]["action"] == "refuse");
}

TEST_CASE("exceptions are to be reviewed that are unused, expired or about to") {
  const config::Allowlist allowlist{
      {exception("used"), exception("unused"), exception("old", "2026-11-20"), exception("soon", "2026-11-25")}, {}};
  Report report(allowlist, today);
  report.add(record("2026-11-20T01", Action::excepted, "used"));
  report.add(record("2026-11-20T01", Action::excepted, "soon"));
  const nlohmann::json review = as_json(report)["review"];
  REQUIRE(review.size() == 3);
  CHECK(review[0]["why"] == nlohmann::json::parse(R"(["unused"])"));
  CHECK(review[0]["expires"].is_null());
  CHECK(review[1]["why"] == nlohmann::json::parse(R"(["unused", "expired"])"));
  CHECK(review[2]["why"] == nlohmann::json::parse(R"(["expires soon"])"));
  const std::string text = written(report, &Report::write_text);
  CHECK(has(text, "soon       expires soon     2026-11-25"));
  CHECK_FALSE(has(text, "used       -"));
}

TEST_CASE("Prometheus gets valid names, values and one series of each") {
  const config::Allowlist allowlist{
      {exception("a\"b\\c\nd", "2026-11-25"), exception("x", "2026-11-25"), exception("x", "1970-01-01")}, {}};
  Report report(allowlist, today);
  report.add(record("2026-11-20T01", Action::excepted, "a\"b\\c\nd", "secret"));
  const std::string text = written(report, &Report::write_prometheus);
  CHECK(has(text,
            "# TYPE ipcguard_decisions_total counter\n"
            "ipcguard_decisions_total{decision=\"allow\",gate=\"create\",mode=\"enforce\"} 1\n"));
  CHECK(has(text, "\nipcguard_exposures_total{kind=\"host-ipc\",action=\"excepted\",engine=\"docker\"} 1\n"));
  CHECK(has(text, "\nipcguard_exception_used_total{exception=\"a\\\"b\\\\c\\\\x0ad\"} 1\n"));
  CHECK(has(text, "\nipcguard_exception_used_total{exception=\"x\"} 0\n"));
  CHECK(has(text, "\nipcguard_exception_expires_timestamp_seconds{exception=\"x\"} 86400\n"));
  CHECK(text.find("seconds{exception=\"x\"}") == text.rfind("seconds{exception=\"x\"}"));
  CHECK_FALSE(has(text, "secret"));
}

TEST_CASE("what grows without end is counted together") {
  const config::Allowlist none;
  Report report(none, today);
  for (int at = 0; at < 5000; ++at) report.add(record("2026-11-20T01", Action::refuse, {}, "i" + std::to_string(at)));
  const nlohmann::json images = as_json(report)["images"];
  CHECK(images.size() == 1001);
  CHECK(images[0]["image"] == "(others)");
  CHECK(images[0]["count"] == 4000);
}

TEST_CASE("foreign text cannot steer a terminal") {
  const config::Allowlist none;
  Report report(none, today);
  report.add(record("2026-11-20T01", Action::refuse, {}, "\x1b[2J\nx"));
  const std::string text = written(report, &Report::write_text);
  CHECK(has(text, "\\x1b[2J\\x0ax"));
  CHECK_FALSE(has(text, "\x1b"));
}
