// /runtime and /runtime_modify: the values of all layers, and those that are set by hand.
#include <map>

#include "admin/catalog.h"
#include "base/json_text.h"

namespace weir::admin {

Response runtime_page(Site& site, const Request&) {
  const std::vector<control::Runtime::View> layers = site.subject.runtime_layers();
  std::map<std::string_view, std::vector<std::string_view>> entries;  // what each layer says, "" where it says nothing
  for (size_t i = 0; i < layers.size(); ++i) {
    for (const auto& [key, entry] : *layers[i].entries) {
      std::vector<std::string_view>& texts = entries.try_emplace(key, layers.size(), std::string_view()).first->second;
      texts[i] = entry.text;
    }
  }
  std::string text = "{\n \"entries\": {";
  for (const auto& [key, texts] : entries) {
    if (!text.ends_with('{')) text += ',';
    text += "\n  ";
    append_json_string(text, key);
    std::string_view last;
    text += ": {\n   \"layer_values\": [";
    for (const std::string_view each : texts) {
      text += text.ends_with('[') ? "\n    " : ",\n    ";
      append_json_string(text, each);
      if (!each.empty()) last = each;
    }
    text += "\n   ],\n   \"final_value\": ";
    append_json_string(text, last);
    text += "\n  }";
  }
  text += entries.empty() ? "},\n \"layers\": [" : "\n },\n \"layers\": [";
  for (const control::Runtime::View& layer : layers) {
    text += text.ends_with('[') ? "\n  " : ",\n  ";
    append_json_string(text, layer.name);
  }
  text += layers.empty() ? "]\n}\n" : "\n ]\n}\n";
  return Response::json(std::move(text));
}

Response runtime_modify(Site& site, const Request& request) {
  if (request.query.empty()) {
    return Response::error(400,
                           "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n"
                           "       or send the parameters as form values\n"
                           "use an empty value to remove a previously added override");
  }
  const Result<> modified = site.subject.modify_runtime(request.query.all());
  return modified ? Response::text("OK\n") : Response::error(503, modified.error().message);
}

}  // namespace weir::admin
