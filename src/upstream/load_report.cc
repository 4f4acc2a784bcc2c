#include "upstream/load_report.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.h"

namespace weir::upstream {

namespace {

bool set(LoadReport& report, std::string_view name, double value) {
  if (!std::isfinite(value)) return false;
  if (name == "cpu_utilization") {
    report.cpu = value;
  } else if (name == "mem_utilization") {
    report.memory = value;
  } else if (name == "application_utilization") {
    report.application = value;
  } else if (name == "rps_fractional") {
    report.requests_per_second = value;
  } else if (name == "eps") {
    report.errors_per_second = value;
  } else if (name.starts_with("named_metrics.")) {
    report.named.emplace(name.substr(14), value);
  } else if (name.starts_with("utilization.")) {
    report.utilization.emplace(name.substr(12), value);
  } else if (!name.starts_with("request_cost.") && name != "rps") {
    return false;
  }
  return true;
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// name=value,name=value
bool read_text(std::string_view text, LoadReport& report) {
  while (!text.empty()) {
    const std::string_view item = trim(next_token(text, ','));
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) return false;
    const auto value = number(trim(item.substr(equals + 1)));
    if (!value || !set(report, trim(item.substr(0, equals)), *value)) return false;
  }
  return true;
}

/// An object of numbers and of objects of numbers: there is nothing else in a report.
class Json {
 public:
  explicit Json(std::string_view text) : rest_(text) {}
  bool read(LoadReport& report) { return object("", report) && trim(rest_).empty(); }

 private:
  bool skip(char wanted) {
    rest_ = trim(rest_);
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool object(std::string_view prefix, LoadReport& report) {
    if (!skip('{')) return false;
    if (skip('}')) return true;
    do {
      if (!skip('"')) return false;
      const size_t end = rest_.find_first_of("\"\\");
      if (end == std::string_view::npos || rest_[end] != '"') return false;
      const std::string name = std::string(prefix) + std::string(rest_.substr(0, end));
      rest_.remove_prefix(end + 1);
      if (!skip(':')) return false;
      rest_ = trim(rest_);
      if (!rest_.empty() && rest_.front() == '{') {
        if (!prefix.empty() || !object(snake_case(name) + ".", report)) return false;
        continue;
      }
      const size_t after = std::min(rest_.find_first_of(",}"), rest_.size());
      std::string_view value = trim(rest_.substr(0, after));
      if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      rest_.remove_prefix(after);
      const auto parsed = number(value);
      if (!parsed || !set(report, prefix.empty() ? snake_case(name) : name, *parsed)) return false;
    } while (skip(','));
    return skip('}');
  }
  /// JSON may spell names of fields in lowerCamelCase.
  static std::string snake_case(const std::string& name) {
    std::string result;
    for (const char c : name) {
      if (c >= 'A' && c <= 'Z') {
        (result += '_') += static_cast<char>(c - 'A' + 'a');
      } else {
        result += c;
      }
    }
    return result;
  }

  std::string_view rest_;
};

/// xds.data.orca.v3.OrcaLoadReport on the wire.
class Binary {
 public:
  explicit Binary(std::string_view bytes) : rest_(bytes) {}

  bool read(LoadReport& report) {
    while (!rest_.empty()) {
      const auto tag = varint();
      if (!tag) return false;
      if (!field(static_cast<uint32_t>(*tag >> 3), static_cast<uint32_t>(*tag & 7), report)) return false;
    }
    return true;
  }

 private:
  bool field(uint32_t id, uint32_t type, LoadReport& report) {
    static constexpr std::string_view kDoubles[] = {
        "", "cpu_utilization", "mem_utilization", "", "", "", "rps_fractional", "eps", "", "application_utilization"};
    if (type == 0) return varint().has_value();
    if (type == 1) {
      const auto value = fixed();
      return value && (id >= std::size(kDoubles) || kDoubles[id].empty() || set(report, kDoubles[id], *value));
    }
    if (type != 2) return false;
    const auto size = varint();
    if (!size || *size > rest_.size()) return false;
    Binary item(rest_.substr(0, *size));
    rest_.remove_prefix(*size);
    if (id != 5 && id != 8) return true;
    return item.entry(id == 5 ? report.utilization : report.named);
  }
  bool entry(std::map<std::string, double, std::less<>>& into) {
    std::string name;
    double value = 0;
    while (!rest_.empty()) {
      const auto tag = varint();
      if (tag == 10) {
        const auto size = varint();
        if (!size || *size > rest_.size()) return false;
        name = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
      } else if (tag == 17) {
        const auto read = fixed();
        if (!read) return false;
        value = *read;
      } else {
        return false;
      }
    }
    into.emplace(std::move(name), value);
    return true;
  }
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::optional<double> fixed() {
    if (rest_.size() < 8) return std::nullopt;
    uint64_t bits = 0;
    for (int i = 7; i >= 0; --i) bits = bits << 8 | static_cast<unsigned char>(rest_[static_cast<size_t>(i)]);
    rest_.remove_prefix(8);
    return std::bit_cast<double>(bits);
  }

  std::string_view rest_;
};

std::optional<std::string> from_base64(std::string_view text) {
  std::string result;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value;
    if (c >= 'A' && c <= 'Z') {
      value = c - 'A';
    } else if (c >= 'a' && c <= 'z') {
      value = c - 'a' + 26;
    } else if (c >= '0' && c <= '9') {
      value = c - '0' + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else if (c == '=') {
      continue;
    } else {
      return std::nullopt;
    }
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) < 8) continue;
    count -= 8;
    result += static_cast<char>(bits >> count & 0xff);
  }
  return result;
}

bool read_binary(std::string_view text, LoadReport& report) {
  const auto bytes = from_base64(trim(text));
  return bytes && Binary(*bytes).read(report);
}

double metric(const LoadReport& report, std::string_view name) {
  const auto in = [](const auto& map, std::string_view key) {
    const auto found = map.find(key);
    return found == map.end() ? 0 : found->second;
  };
  if (name == "cpu_utilization") return report.cpu;
  if (name == "mem_utilization") return report.memory;
  if (name == "application_utilization") return report.application;
  if (name.starts_with("named_metrics.")) return in(report.named, name.substr(14));
  if (name.starts_with("utilization.")) return in(report.utilization, name.substr(12));
  return 0;
}

}  // namespace

std::optional<LoadReport> read_load_report(const http::HeaderMap& headers) {
  LoadReport report;
  if (const http::Header* line = headers.find("endpoint-load-metrics-bin")) {
    return read_binary(line->value, report) ? std::optional(report) : std::nullopt;
  }
  const http::Header* line = headers.find("endpoint-load-metrics");
  if (line == nullptr) return std::nullopt;
  const std::string_view value = trim(line->value);
  bool good = false;
  if (value.starts_with("TEXT ")) good = read_text(value.substr(5), report);
  if (value.starts_with("JSON ")) good = Json(value.substr(5)).read(report);
  if (value.starts_with("BIN ")) good = read_binary(value.substr(4), report);
  return good ? std::optional(report) : std::nullopt;
}

std::optional<uint32_t> weight_of(const LoadReport& report, const ClientWeighted& spec) {
  if (!(report.requests_per_second > 0)) return std::nullopt;
  double utilization = report.application;
  if (!(utilization > 0)) {
    for (const std::string& name : spec.metrics) utilization = std::max(utilization, metric(report, name));
  }
  if (!(utilization > 0)) utilization = report.cpu;
  if (spec.error_penalty > 0 && report.errors_per_second > 0) {
    utilization += report.errors_per_second / report.requests_per_second * spec.error_penalty;
  }
  if (!(utilization > 0)) return std::nullopt;
  const double weight = report.requests_per_second / utilization;
  if (weight >= std::numeric_limits<uint32_t>::max()) return std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(weight);
}

}  // namespace weir::upstream
