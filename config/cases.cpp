#include "config/cases.h"

#include <algorithm>
#include <iterator>

#include "config/date.h"
#include "config/words.h"
#include "host/text.h"

namespace config {

namespace {

void read_labels(Document& document, const Node& node, Container& container) {
  if (node.kind != Node::Kind::object) return document.read_object(node, "labels", {});
  for (const Member& label : node.members)
    container.labels[label.key] = document.read_text(label.value, "the label " + host::quoted(label.key)).value_or("");
}

Container read_container(Document& document, const Node& node) {
  Container container;
  std::vector<Document::Field> fields;
  fields.push_back(
      {"engine", [&](const Node& value) { read_name(document, value, "engine", host::engine_names, container.engine); },
       true});
  for (const std::string_view name : attribute_names)
    fields.push_back({name, [&, name](const Node& value) {
                        if (auto text = document.read_text(value, name))
                          container.attributes[std::string(name)] = std::move(*text);
                      }});
  fields.push_back({"labels", [&](const Node& value) { read_labels(document, value, container); }});
  document.read_object(node, "container", fields);
  return container;
}

Case read_case(Document& document, const Node& node) {
  Case one;
  bool lists_exposures = false;
  const auto text = [&](std::string_view key, std::string& into, bool required = false) {
    return Document::Field{key, [&, key](const Node& value) { into = document.read_text(value, key).value_or(""); },
                           required};
  };
  const auto today = [&](const Node& value) {
    one.today = document.read_text(value, "today").value_or("");
    if (!one.today.empty() && !day_of(one.today))
      document.problem(value.offset, "today is " + host::quoted(one.today) + " and should be a day like '2027-03-31'");
  };
  const auto exposures = [&](const Node& value) {
    lists_exposures = true;
    if (value.kind == Node::Kind::array && value.items.empty()) return;  // a plain private container
    for (const ExposureKind kind : read_names<ExposureKind>(document, value, "exposures", exposure_names))
      one.exposures.push_back({kind, "a case of a policy test"});
  };
  document.read_object(
      node, "the case",
      {
          text("name", one.name, true),
          {"expect", [&](const Node& value) { read_name(document, value, "expect", outcome_names, one.expect); }, true},
          text("exception", one.exception),
          {"today", today},
          {"container", [&](const Node& value) { one.container = read_container(document, value); }},
          {"exposures", exposures},
          text("bundle", one.bundle),
          text("id", one.id),
      });
  const bool described = one.container && lists_exposures && one.bundle.empty() && one.id.empty();
  const bool bundled = !one.container && !lists_exposures && !one.bundle.empty() && one.today.empty();
  if (node.kind == Node::Kind::object && !described && !bundled)
    document.problem(node.offset,
                     "the case should have either container and exposures (and may have today) or bundle (and may "
                     "have id)");
  return one;
}

}  // namespace

Cases parse_cases(const std::string& file, std::string_view text) {
  Document document(file, text);
  Cases cases;
  const auto read_list = [&](const Node& node) {
    if (node.kind != Node::Kind::array || node.items.empty())
      return document.problem(node.offset, "cases should be a list of at least one");
    std::transform(node.items.begin(), node.items.end(), std::back_inserter(cases.cases),
                   [&](const Node& item) { return read_case(document, item); });
  };
  // As in an allowlist: of a text that is no JSON only that is told.
  if (document.problems().empty()) document.read_object(document.root(), "the file", {{"cases", read_list, true}});
  cases.problems = document.problems();
  if (!cases.problems.empty()) cases.cases.clear();
  return cases;
}

std::string difference(const Case& expected, const Decision& decision) {
  bool granted = expected.exception.empty();
  std::string by;
  for (const JudgedExposure& judged : decision.exposures) {
    if (!judged.exception) continue;
    granted = granted || judged.exception->name == expected.exception;
    const std::string name = host::quoted(judged.exception->name);
    if (by.find(name) == std::string::npos) by += (by.empty() ? " by " : ", ") + name;
  }
  if (granted && decision.outcome == expected.expect) return {};
  const std::string wanted = expected.exception.empty() ? "" : " by " + host::quoted(expected.exception);
  return "expected " + std::string(name_of(expected.expect)) + wanted + ", is " +
         std::string(name_of(decision.outcome)) + by;
}

}  // namespace config
