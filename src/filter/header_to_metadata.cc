#include "filter/header_to_metadata.h"

#include <charconv>
#include <utility>

#include "base/text.h"
#include "config/scalar.h"
#include "format/wire_value.h"

namespace weir::filter {

namespace {

constexpr size_t kMostBytes = 8 * 1024;  // longer values are not noted

/// The value of a cookie without its quotes; "" if there is none.
std::string_view cookie_value(const http::HeaderMap& headers, std::string_view name) {
  for (const http::Header& line : headers) {
    if (line.id != http::HeaderId::kCookie) continue;
    for (std::string_view rest = line.value; !rest.empty();) {
      const std::string_view pair = next_token(rest, ';');
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
  }
  return {};
}

/// As Envoy's: padding may be missing, but bits that belong to no byte must be 0.
bool decode_base64(std::string_view text, std::string& bytes) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if (text.find_first_of("-_=") != std::string_view::npos) return false;
  const std::string_view last = text.size() % 4 == 2 ? "AQgw" : text.size() % 4 == 3 ? "AEIMQUYcgkosw048" : "";
  if (!last.empty() && last.find(text.back()) == std::string_view::npos) return false;
  return config::parse_base64(text, bytes) && !bytes.empty();
}

void note(const MetadataNote& note, std::string_view value, Exchange& exchange) {
  Arena& arena = exchange.arena;
  if (!note.value.empty()) {
    value = note.value;
  } else if (note.rewrite) {
    value = note.rewrite->apply(value, arena);
  }
  if (value.empty() || value.size() >= kMostBytes) return;
  if (note.base64) {
    std::string decoded;
    if (!decode_base64(value, decoded)) return;
    value = arena.copy(decoded);
  }
  auto* member = arena.make<format::MetadataValue>();
  switch (note.type) {
    case MetadataNote::Type::kNumber: {
      std::string_view text = trim(value);
      if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), member->number);
      if (error != std::errc() || end != text.data() + text.size()) return;
      member->kind = format::MetadataValue::Kind::kNumber;
      break;
    }
    case MetadataNote::Type::kProtobuf: {
      const auto read = format::read_wire_value(value, arena);
      if (!read) return;
      *member = *read;
      break;
    }
    case MetadataNote::Type::kText:
      member->kind = format::MetadataValue::Kind::kText;
      member->text = arena.copy(value);
  }
  auto* key = arena.make<std::string_view>(note.key);
  format::MetadataValue fields;
  fields.kind = format::MetadataValue::Kind::kStruct;
  fields.items = {member, 1};
  fields.keys = {key, 1};
  exchange.info.metadata.add(arena, note.name_space, fields);
}

void apply(const std::vector<MetadataRule>& rules, http::HeaderMap& headers, Exchange& exchange) {
  for (const MetadataRule& rule : rules) {
    std::string_view value;
    bool present;
    if (rule.cookie.empty()) {
      value = http::joined_value(headers, rule.header);
      present = value.data() != nullptr;
      if (present && rule.remove) http::remove_all(headers, rule.header);
    } else {
      value = cookie_value(headers, rule.cookie);
      present = !value.empty();
    }
    const std::optional<MetadataNote>& what = present ? rule.present : rule.missing;
    if (what) note(*what, value, exchange);
  }
}

class HeaderToMetadata final : public Filter {
 public:
  HeaderToMetadata(std::shared_ptr<const HeaderToMetadataSpec> own, const HeaderToMetadataSpec& spec)
      : own_(std::move(own)), spec_(spec) {}
  Verdict on_request(Exchange& exchange) override {
    apply(spec_.request, exchange.request, exchange);
    return Verdict::proceed();
  }
  Verdict on_response(Exchange& exchange) override {
    apply(spec_.response, exchange.response, exchange);
    return Verdict::proceed();
  }

 private:
  const std::shared_ptr<const HeaderToMetadataSpec> own_;  // keeps `spec_`, unless that is the route's
  const HeaderToMetadataSpec& spec_;
};

class HeaderToMetadataFactory final : public FilterFactory {
 public:
  explicit HeaderToMetadataFactory(std::shared_ptr<const HeaderToMetadataSpec> spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    const auto* said = static_cast<const HeaderToMetadataSpec*>(settings.most_specific());
    const HeaderToMetadataSpec& spec = said != nullptr ? *said : *spec_;
    if (spec.request.empty() && spec.response.empty()) return nullptr;
    return make_in<HeaderToMetadata>(exchange.arena, spec_, spec);
  }

 private:
  const std::shared_ptr<const HeaderToMetadataSpec> spec_;
};

}  // namespace

FilterFactoryPtr make_header_to_metadata(std::shared_ptr<const HeaderToMetadataSpec> spec) {
  return std::make_shared<const HeaderToMetadataFactory>(std::move(spec));
}

}  // namespace weir::filter
