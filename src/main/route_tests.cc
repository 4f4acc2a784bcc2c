#include "main/route_tests.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <bit>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "config/duration.h"
#include "format/matcher_config.h"
#include "format/metadata_config.h"
#include "route/mutations.h"
#include "route/route_config.h"

// Envoy's tool still accepts the deprecated ways to write a header, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::main {

namespace v3 = envoy::config::route::v3;
namespace tests = weir::route_tests::v1;
using config::FieldPath;
using Aspect = RouteCoverage::Aspect;

namespace {

/// How many aspects there are to check: of a route that forwards, and of one that answers.
constexpr double kForwardAspects = 5, kAnswerAspects = 2;

/// One request on its way through the routes.
class Trial {
 public:
  Trial(const tests::RouteTest& test, const route::RouteTable& table, RouteCoverage& coverage, config::Diagnostics& diagnostics)
      : test_(test), table_(table), coverage_(coverage), diagnostics_(diagnostics) {}

  std::vector<std::string> run() {
    send();
    compare();
    const tests::Expectation& expected = test_.validate();
    const FieldPath at{nullptr, "validate"};
    headers(request_, expected.request_header_matches(), "request_header_matches", at);
    fields(request_, expected.request_header_fields(), "request_header_fields");
    headers(response_, expected.response_header_matches(), "response_header_matches", at);
    fields(response_, expected.response_header_fields(), "response_header_fields");
    return std::move(failures_);
  }

 private:
  void send() {
    using http::HeaderId;
    const tests::Input& input = test_.input();
    request_.set_pseudo(HeaderId::kAuthority, input.authority());
    request_.set_pseudo(HeaderId::kPath, input.path());
    request_.set_pseudo(HeaderId::kMethod, input.method());
    request_.set_pseudo(HeaderId::kScheme, input.ssl() ? "https" : "http");
    request_.add(HeaderId::kForwardedProto, input.ssl() ? "https" : "http");
    if (input.internal()) request_.add(HeaderId::kEnvoyInternal, "true");
    add(request_, input.additional_request_headers());
    add(response_, input.additional_response_headers());

    connection_.remote_address = connection_.direct_remote_address =
        std::make_shared<const net::Address>(*net::Address::from_ip("127.0.0.1", 0));
    connection_.local_address = connection_.direct_local_address = connection_.remote_address;
    info_.connection = &connection_;
    info_.protocol = http::Protocol::kHttp11;
    info_.start_wall = wall_now();

    for (const auto& note : input.dynamic_metadata()) {
      bool noted = false;
      info_.metadata.for_each(note.metadata_namespace(), [&](const auto&) { noted = true; });
      if (noted && !note.allow_overwrite()) continue;
      info_.metadata.add(arena_, note.metadata_namespace(), format::read_metadata(note.value(), arena_));
    }

    match_ = table_.find(
        request_, {.random = input.random_value(), .tls = input.ssl(), .internal_request = input.internal(), .info = &info_});
    if (match_.route == nullptr) return;
    const format::FormatContext formats{.request = &request_, .response = &response_, .info = info_};
    if ((forward_ = match_.route->forward()) != nullptr) {
      choice_ = route::choose_cluster(*forward_, request_, input.random_value(), info_);
      if (const auto* found = route::virtual_cluster(*match_.virtual_host, request_)) virtual_cluster_ = found->name;
      route::finalize_request(table_.config(), match_, choice_.entry, request_, formats, true);
      route::finalize_response(table_.config(), match_, choice_.entry, response_, formats);
      return;
    }
    // Of a direct response the tool tells the URL, too.
    const auto* redirect = std::get_if<route::Redirect>(&match_.route->action);
    const auto* direct = std::get_if<route::DirectResponse>(&match_.route->action);
    if (redirect == nullptr && direct == nullptr) return;
    location_ =
        route::redirect_location(redirect != nullptr ? *redirect : route::Redirect(), match_.route->match, request_, true);
    status_ = redirect != nullptr ? redirect->status : direct->status;
    const std::string_view body = direct != nullptr ? std::string_view(direct->body) : "";
    response_.set_status(status_);
    if (!body.empty()) {
      response_.add(http::HeaderId::kContentLength, arena_.copy(std::to_string(body.size())));
      response_.add(http::HeaderId::kContentType, "text/plain");
    }
    route::finalize_response(table_.config(), match_, nullptr, response_, formats);
  }

  template <class List>
  void add(http::HeaderMap& headers, const List& list) {
    for (const auto& header : list) {
      const std::string name = lower(header.key());
      if (name == "host" || name == ":authority") {
        headers.set_pseudo(http::HeaderId::kAuthority, header.value());
      } else if (!name.starts_with(':')) {
        headers.add(arena_.copy(name), header.value());
      }
    }
  }

  void compare() {
    const tests::Expectation& expected = test_.validate();
    const bool answers = !location_.empty();
    const auto text = [&](bool asked, const auto& wanted, std::string_view actual, const char* what, bool applies,
                          Aspect aspect) {
      if (asked && equal(std::string(actual), wanted.value(), what) && applies) cover(aspect);
    };
    const bool forwards = forward_ != nullptr;
    text(expected.has_cluster_name(), expected.cluster_name(), forwards ? choice_.name : "", "cluster_name", forwards,
         Aspect::kCluster);
    text(expected.has_virtual_cluster_name(), expected.virtual_cluster_name(), virtual_cluster_, "virtual_cluster_name", forwards,
         Aspect::kVirtualCluster);
    text(expected.has_virtual_host_name(), expected.virtual_host_name(), forwards ? match_.virtual_host->name : "",
         "virtual_host_name", forwards, Aspect::kVirtualHost);
    text(expected.has_path_rewrite(), expected.path_rewrite(), forwards ? request_.path() : "", "path_rewrite", forwards,
         Aspect::kPathRewrite);
    text(expected.has_host_rewrite(), expected.host_rewrite(), forwards ? request_.authority() : "", "host_rewrite", forwards,
         Aspect::kHostRewrite);
    text(expected.has_path_redirect(), expected.path_redirect(), location_, "path_redirect", answers, Aspect::kRedirectPath);
    if (expected.has_code_redirect()) {
      const bool same = equal(std::to_string(status_), std::to_string(expected.code_redirect().value()), "code_redirect");
      if (same && answers) cover(Aspect::kRedirectCode);
    }
    if (expected.has_timeout()) {
      const std::string actual = forwards ? std::to_string(forward_->timeout_ms) + "ms" : "";
      equal(actual, std::to_string(config::milliseconds(expected.timeout())) + "ms", "timeout");
    }
  }

  bool equal(const std::string& actual, const std::string& expected, const std::string& what) {
    if (actual == expected) return true;
    fail("expected: [" + expected + "], actual: [" + actual + "]", what);
    return false;
  }
  void fail(const std::string& how, const std::string& what) { failures_.push_back(how + ", test type: " + what); }

  template <class List>
  void fields(const http::HeaderMap& headers, const List& list, const char* what) {
    for (const auto& header : list) {
      equal(std::string(http::first_value(headers, http::HeaderName(header.key()))), header.value(), what);
    }
  }

  template <class List>
  void headers(const http::HeaderMap& headers, const List& list, const std::string& what, const FieldPath& at) {
    for (const v3::HeaderMatcher& config : list) {
      format::MatcherReader reader{diagnostics_};
      const format::HeaderMatcher matcher = reader.header(config, at);
      if (diagnostics_.failed() || matcher.matches(headers)) continue;
      const std::string_view value = http::first_value(headers, matcher.name);
      const std::string actual = config.name() + ": " + (value.data() == nullptr ? "NULL" : std::string(value));
      const std::string type = what + "." + kind(config);
      const bool presence = config.header_match_specifier_case() == v3::HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET ||
                            config.header_match_specifier_case() == v3::HeaderMatcher::kPresentMatch;
      if (presence) {
        const auto has = [&](bool there) { return "[has(" + config.name() + "):" + (there ? "true" : "false") + "]"; };
        fail("expected: " + has(!config.invert_match()) + ", actual: " + has(config.invert_match()), type);
      } else if (config.string_match().has_exact()) {
        const std::string wanted = config.name() + ": " + config.string_match().exact();
        fail("expected: [" + wanted + "], actual: " + (config.invert_match() ? "NOT " : "") + "[" + actual + "]", type);
      } else {
        fail("actual: [" + actual + "]", type);
      }
    }
  }

  /// The field that says how a header is matched, such as "string_match.exact".
  static std::string kind(const v3::HeaderMatcher& matcher) {
    const auto chosen = [](const auto& message, const char* oneof) {
      const auto* field =
          message.GetReflection()->GetOneofFieldDescriptor(message, message.GetDescriptor()->FindOneofByName(oneof));
      return field == nullptr ? std::string() : field->name();
    };
    const std::string field = chosen(matcher, "header_match_specifier");
    if (field.empty()) return "present_match";
    return field == "string_match" ? field + "." + chosen(matcher.string_match(), "match_pattern") : field;
  }

  void cover(Aspect aspect) {
    const auto& hosts = table_.config().virtual_hosts;
    const auto& routes = match_.virtual_host->routes;
    if (routes.empty() || match_.route < routes.data() || match_.route >= routes.data() + routes.size()) return;
    size_t cluster = 0;
    if (choice_.entry != nullptr) {
      cluster = static_cast<size_t>(choice_.entry - forward_->weighted_clusters()->entries.data());
    }
    coverage_.mark(
        {static_cast<size_t>(match_.virtual_host - hosts.data()), static_cast<size_t>(match_.route - routes.data()), cluster},
        aspect);
  }

  const tests::RouteTest& test_;
  const route::RouteTable& table_;
  RouteCoverage& coverage_;
  config::Diagnostics& diagnostics_;
  Arena arena_;
  http::HeaderMap request_{arena_}, response_{arena_};
  format::ConnectionInfo connection_;
  format::StreamInfo info_;
  route::Match match_;
  const route::Forward* forward_ = nullptr;
  route::ClusterChoice choice_;
  std::string_view virtual_cluster_, location_;
  int status_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace

double RouteCoverage::percent(const route::RouteConfig& config, bool comprehensive) const {
  double routes = 0, covered = 0;
  for (size_t i = 0; i < config.virtual_hosts.size(); ++i) {
    for (size_t j = 0; j < config.virtual_hosts[i].routes.size(); ++j) {
      const route::Forward* forward = config.virtual_hosts[i].routes[j].forward();
      const auto* several = forward == nullptr ? nullptr : forward->weighted_clusters();
      const size_t count = several == nullptr ? 1 : several->entries.size();
      routes += static_cast<double>(count);
      for (size_t k = 0; k < count; ++k) {
        const auto found = covered_.find({i, j, k});
        if (found == covered_.end()) continue;
        const double aspects = forward != nullptr ? kForwardAspects : kAnswerAspects;
        covered += comprehensive ? std::popcount(found->second) / aspects : 1;
      }
    }
  }
  return routes == 0 ? 100 : 100 * covered / routes;
}

bool RouteTests::compile(config::Diagnostics& diagnostics) { return table("", diagnostics) != nullptr; }

namespace {

void settle_chance(v3::Route& route, const std::string& key) {
  if (!route.match().has_runtime_fraction()) return;
  auto& fraction = *route.mutable_match()->mutable_runtime_fraction();
  const bool on = !key.empty() && fraction.runtime_key() == key;
  auto& value = *fraction.mutable_default_value();
  value.set_numerator(on ? std::max(value.numerator(), 1u) : 0);
}

/// Routes with a chance of that runtime key may match, those with another one never do; also the routes that matchers lead to.
void settle_chances(google::protobuf::Message& message, const std::string& key) {
  if (auto* route = dynamic_cast<v3::Route*>(&message)) return settle_chance(*route, key);
  if (auto* any = dynamic_cast<google::protobuf::Any*>(&message)) {
    v3::Route route;
    v3::RouteList list;
    if (any->UnpackTo(&route)) {
      settle_chance(route, key);
      any->PackFrom(route);
    } else if (any->UnpackTo(&list)) {
      for (v3::Route& each : *list.mutable_routes()) settle_chance(each, key);
      any->PackFrom(list);
    }
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      settle_chances(*reflection.MutableMessage(&message, field), key);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      settle_chances(*reflection.MutableRepeatedMessage(&message, field, i), key);
    }
  }
}

}  // namespace

std::shared_ptr<const route::RouteTable> RouteTests::table(const std::string& key, config::Diagnostics& diagnostics) {
  auto& place = tables_[key];
  if (place != nullptr) return place;
  v3::RouteConfiguration routes = routes_;
  settle_chances(routes, key);
  place = route::compile(routes, {.schema = schema_, .clusters = clusters_, .has_cluster = {}}, diagnostics);
  return place;
}

RouteTestResult RouteTests::run(const tests::RouteTest& test, config::Diagnostics& diagnostics) {
  const auto table = this->table(test.input().runtime(), diagnostics);
  if (table == nullptr) return {test.test_name(), {}};
  return {test.test_name(), Trial(test, *table, coverage_, diagnostics).run()};
}

}  // namespace weir::main
