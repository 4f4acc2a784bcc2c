// /logging: shows and changes the levels of the application's own log.
#include "admin/catalog.h"
#include "base/text.h"

namespace weir::admin {

namespace {

std::string loggers(const Log& log) {
  std::string text = "active loggers:\n";
  for (size_t i = 0; i < kLogComponentCount; ++i) {
    ((((text += "  ") += kLogComponents[i]) += ": ") += level_name(log.level(i))) += '\n';
  }
  return text += '\n';
}

Response refusal(const Log& log, std::string_view why) {
  std::string text = "error: " + std::string(why) + "\n\n";
  text += "usage: /logging?<name>=<level> (change single level)\n";
  text += "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n";
  text += "usage: /logging?level=<level> (change all levels)\n";
  text += "levels: trace debug info warning error critical off \n";
  return Response::error(400, text + loggers(log));
}

/// "" if the change was made.
std::string_view change(Log& log, std::string_view name, std::string_view level_text) {
  if (name.empty() || level_text.empty()) return "empty logger name or empty logger level";
  const auto level = parse_level(level_text);
  if (!level) return "unknown logger level";
  const size_t component = log_component(name);
  if (component == kLogComponentCount) return "unknown logger name";
  log.set_level(component, *level);
  return "";
}

std::string_view change_several(Log& log, std::string_view list) {
  for (std::string_view rest = list; !rest.empty();) {  // all are checked before the first is changed
    std::string_view level = next_token(rest);
    const std::string_view name = next_token(level, ':');
    if (name.empty() || level.empty()) return "empty logger name or empty logger level";
    if (!parse_level(level)) return "unknown logger level";
    if (log_component(name) == kLogComponentCount) return "unknown logger name";
  }
  while (!list.empty()) {
    std::string_view level = next_token(list);
    const std::string_view name = next_token(level, ':');
    change(log, name, level);
  }
  return "";
}

}  // namespace

Response logging_page(Site& site, const Request& request) {
  const auto& parameters = request.query.all();
  if (parameters.size() > 1) return refusal(site.log, "invalid number of parameters");
  if (!parameters.empty()) {
    const auto& [name, value] = parameters.front();
    std::string_view problem;
    if (name == "level") {
      const auto level = parse_level(value);
      if (level) {
        site.log.set_all_levels(*level);
      } else if (!value.empty()) {
        problem = "unknown logger level";
      }
    } else if (name == "paths") {
      problem = change_several(site.log, value);
    } else {
      problem = change(site.log, name, value);
    }
    if (!problem.empty()) return refusal(site.log, problem);
  }
  return Response::text(loggers(site.log));
}

}  // namespace weir::admin
