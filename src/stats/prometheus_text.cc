#include "stats/prometheus_text.h"

#include "base/number_text.h"
#include "base/text.h"

namespace weir::stats {

namespace {

bool is_name_character(char c) { return is_digit(c) || c == '_' || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

}  // namespace

void append_metric_name(std::string& out, std::string_view name) {
  out += "envoy_";
  for (const char c : name) out += is_name_character(c) ? c : '_';
}

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      (out += '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  if (!name.empty() && is_digit(name[0])) out += '_';
  for (const char c : name) out += is_name_character(c) ? c : '_';
  out += "=\"";
  append_label_value(out, value);
  out += '"';
}

void write_sample(std::string& out, std::string_view metric, std::string_view suffix, std::string_view labels, uint64_t value) {
  ((((out += metric) += suffix) += '{') += labels) += "} ";
  append_number(out, value);
  out += '\n';
}

void write_type(std::string& out, std::string_view metric, std::string_view type) {
  (((out += "# TYPE ") += metric) += ' ');
  (out += type) += '\n';
}

}  // namespace weir::stats
