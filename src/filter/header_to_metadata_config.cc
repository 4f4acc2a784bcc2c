// Reading header_to_metadata.
#include "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.pb.h"
#include "filter/header_to_metadata.h"
#include "format/matcher_config.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::header_to_metadata::v3;
using config::FieldPath;

namespace {

class Reader {
 public:
  explicit Reader(config::Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  std::shared_ptr<HeaderToMetadataSpec> read(const google::protobuf::Any& configuration, const FieldPath& at, bool of_route) {
    v3::Config from;
    configuration.UnpackTo(&from);
    auto spec = std::make_shared<HeaderToMetadataSpec>();
    rules(from.request_rules(), FieldPath{&at, "request_rules"}, spec->request);
    rules(from.response_rules(), FieldPath{&at, "response_rules"}, spec->response);
    if (of_route && spec->request.empty() && spec->response.empty()) error(at, "a route's settings need rules");
    return good_ ? spec : nullptr;
  }

 private:
  void error(const FieldPath& at, std::string message) {
    diagnostics_.error({{}, at.text(), std::move(message), ""});
    good_ = false;
  }

  void rules(const google::protobuf::RepeatedPtrField<v3::Config::Rule>& from, const FieldPath& list,
             std::vector<MetadataRule>& into) {
    for (int i = 0; i < from.size(); ++i) {
      const v3::Config::Rule& rule = from[i];
      const FieldPath at{&list, {}, i};
      MetadataRule& made = into.emplace_back();
      if (rule.header().empty() == rule.cookie().empty()) error(at, "needs either a header or a cookie");
      if (!rule.header().empty()) made.header = http::HeaderName(rule.header());
      made.cookie = rule.cookie();
      made.remove = rule.remove();
      if (rule.remove() && !rule.cookie().empty()) error(FieldPath{&at, "remove"}, "a cookie cannot be removed");
      if (!rule.has_on_header_present() && !rule.has_on_header_missing()) {
        error(at, "says nothing to do with it: give on_header_present or on_header_missing");
      }
      if (rule.has_on_header_present()) {
        made.present = note(rule.on_header_present(), FieldPath{&at, "on_header_present"});
      }
      if (!rule.has_on_header_missing()) continue;
      const FieldPath missing{&at, "on_header_missing"};
      made.missing = note(rule.on_header_missing(), missing);
      if (rule.on_header_missing().value().empty()) error(FieldPath{&missing, "value"}, "must not be empty");
    }
  }

  MetadataNote note(const v3::Config::KeyValuePair& from, const FieldPath& at) {
    MetadataNote into;
    into.name_space = from.metadata_namespace().empty() ? "envoy.filters.http.header_to_metadata" : from.metadata_namespace();
    into.key = from.key();
    into.value = from.value();
    if (from.type() == v3::Config::NUMBER) into.type = MetadataNote::Type::kNumber;
    if (from.type() == v3::Config::PROTOBUF_VALUE) into.type = MetadataNote::Type::kProtobuf;
    into.base64 = from.encode() == v3::Config::BASE64;
    if (!from.has_regex_value_rewrite()) return into;
    if (!from.value().empty()) error(FieldPath{&at, "regex_value_rewrite"}, "stands beside a value");
    const FieldPath rewrite{&at, "regex_value_rewrite"};
    const FieldPath pattern{&rewrite, "pattern"};
    const auto& re2 = from.regex_value_rewrite().pattern().google_re2();
    const uint32_t limit = re2.has_max_program_size() ? re2.max_program_size().value() : format::kMaxRegexProgramSize;
    auto regex = format::Regex::compile(from.regex_value_rewrite().pattern().regex(), limit);
    if (regex) {
      into.rewrite = format::RegexRewrite::make(std::move(*regex), from.regex_value_rewrite().substitution());
    } else {
      error(FieldPath{&pattern, "regex"}, regex.error().message);
    }
    return into;
  }

  config::Diagnostics& diagnostics_;
  bool good_ = true;
};

}  // namespace

FilterFactoryPtr read_header_to_metadata(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext&,
                                         config::Diagnostics& diagnostics) {
  auto spec = Reader(diagnostics).read(configuration, at, false);
  return spec == nullptr ? nullptr : make_header_to_metadata(std::move(spec));
}

route::FilterSettingsPtr read_header_to_metadata_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                                          const FilterContext&, config::Diagnostics& diagnostics) {
  return Reader(diagnostics).read(configuration, at, true);
}

void declare_header_to_metadata(config::SupportTable& table) {
  for (const std::string_view category : {kHttpFilters, std::string_view(route::kFilterSettings)}) {
    table.extension<v3::Config>(category, "envoy.filters.http.header_to_metadata").fields({"request_rules", "response_rules"});
  }
  table.message<v3::Config::Rule>().all_fields();
  table.message<v3::Config::KeyValuePair>().all_fields();
}

}  // namespace weir::filter
