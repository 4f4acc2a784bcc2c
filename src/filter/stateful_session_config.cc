// The configuration of stateful_session.
#include "base/text.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb.h"
#include "envoy/extensions/http/stateful_session/cookie/v3/cookie.pb.h"
#include "envoy/extensions/http/stateful_session/header/v3/header.pb.h"
#include "filter/catalog.h"
#include "filter/stateful_session.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::stateful_session::v3;
namespace states = envoy::extensions::http::stateful_session;
using config::FieldPath;

namespace {

constexpr char kStates[] = "envoy.http.stateful_session";
constexpr char kCookies[] = "envoy.http.stateful_session.cookie";
constexpr char kHeaders[] = "envoy.http.stateful_session.header";

bool read(const v3::StatefulSession& from, const FieldPath& at, config::Diagnostics& diagnostics, StatefulSessionSpec& into) {
  into.strict = from.strict();
  if (!from.has_session_state()) return true;
  const auto& any = from.session_state().typed_config();
  const std::string& name = from.session_state().name();
  const FieldPath state{&at, "session_state"};
  states::cookie::v3::CookieBasedSessionState cookie;
  states::header::v3::HeaderBasedSessionState header;
  if (name == kCookies && any.UnpackTo(&cookie)) {
    into.kind = StatefulSessionSpec::Kind::kCookie;
    into.name = cookie.cookie().name();
    into.path = cookie.cookie().path();
    into.ttl_s = cookie.cookie().ttl().seconds();
    if (into.ttl_s != 0) into.cookie_tail += "; Max-Age=" + std::to_string(into.ttl_s);
    if (!into.path.empty()) into.cookie_tail += "; Path=" + into.path;
    for (const auto& attribute : cookie.cookie().attributes()) {
      into.cookie_tail += "; " + attribute.name();
      if (!attribute.value().empty()) into.cookie_tail += "=" + attribute.value();
    }
    into.cookie_tail += "; HttpOnly";
    return true;
  }
  if (name == kHeaders && any.UnpackTo(&header)) {
    into.kind = StatefulSessionSpec::Kind::kHeader;
    into.name = lower(header.name());
    return true;
  }
  // Here, unlike elsewhere, the name decides, and the type must fit it.
  diagnostics.error({{},
                     FieldPath{&state, "name"}.text(),
                     "'" + name + "' is no way to keep a session, or typed_config is of another",
                     std::string("use ") + kCookies + " or " + kHeaders});
  return false;
}

}  // namespace

FilterFactoryPtr read_stateful_session(const google::protobuf::Any& configuration, const FieldPath& at,
                                       const FilterContext& context, config::Diagnostics& diagnostics) {
  v3::StatefulSession from;
  configuration.UnpackTo(&from);
  StatefulSessionSpec spec;
  return read(from, at, diagnostics, spec) ? make_stateful_session(std::move(spec)) : nullptr;
}

route::FilterSettingsPtr read_stateful_session_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                                        const FilterContext& context, config::Diagnostics& diagnostics) {
  v3::StatefulSessionPerRoute from;
  configuration.UnpackTo(&from);
  auto settings = std::make_shared<StatefulSessionSettings>();
  if (from.disabled()) return settings;
  return read(from.stateful_session(), FieldPath{&at, "stateful_session"}, diagnostics, settings->spec) ? settings : nullptr;
}

void declare_stateful_session(config::SupportTable& table) {
  table.extension<v3::StatefulSession>(kHttpFilters, "envoy.filters.http.stateful_session")
      .fields({"strict"})
      .harmless({"stat_prefix"})
      .extensions("session_state", kStates);
  table.extension<v3::StatefulSessionPerRoute>(route::kFilterSettings, "envoy.filters.http.stateful_session").all_fields();
  table.extension<states::cookie::v3::CookieBasedSessionState>(kStates, kCookies).all_fields();
  table.extension<states::header::v3::HeaderBasedSessionState>(kStates, kHeaders).all_fields();
  table.message<envoy::type::http::v3::Cookie>().all_fields();
  table.message<envoy::type::http::v3::CookieAttribute>().all_fields();
}

}  // namespace weir::filter
