#include "admin/request.h"

namespace weir::admin {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        result += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

Query::Query(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == text.size() ? end : end + 1);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (pair.empty()) continue;
    parameters_.emplace_back(percent_decoded(pair.substr(0, equals)),
                             percent_decoded(pair.substr(equals == pair.size() ? equals : equals + 1)));
  }
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string plain_path(std::string_view path) {
  const std::string decoded = percent_decoded(path);
  std::string_view rest = decoded;
  std::string result;
  bool ends_with_slash = false;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    ends_with_slash = end != rest.size();
    rest.remove_prefix(ends_with_slash ? end + 1 : end);
    if (segment == "..") {
      result.resize(std::min(result.rfind('/'), result.size()));
    } else if (!segment.empty() && segment != ".") {
      (result += '/') += segment;
    }
  }
  if (ends_with_slash || result.empty()) result += '/';
  return result;
}

}  // namespace weir::admin
