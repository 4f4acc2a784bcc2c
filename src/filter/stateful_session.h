// stateful_session: the requests of a session go to one endpoint, whose address the client keeps in a cookie or a header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "filter/context.h"
#include "filter/filter.h"

namespace google::protobuf {
class Any;
}

namespace weir::filter {

struct StatefulSessionSpec {
  enum class Kind : uint8_t { kNone, kCookie, kHeader };
  Kind kind = Kind::kNone;
  std::string name;         // of the cookie, or of the header in lower case
  std::string path;         // requests below it have sessions; "" for all
  int64_t ttl_s = 0;        // of the cookie; 0: as long as the client wants
  std::string cookie_tail;  // what follows the cookie's value
  bool strict = false;      // the session's endpoint or none
};

struct StatefulSessionSettings : route::FilterSettings {
  StatefulSessionSpec spec;  // of no kind: there are no sessions
};

FilterFactoryPtr make_stateful_session(StatefulSessionSpec spec);

/// The cookie's value for an endpoint: a protobuf message `{1: address, 2: expires_s}` in Base64, as Envoy makes it.
std::string session_value(std::string_view address, int64_t expires_s);
/// The address in such a value; "" if it holds none, or is expired. A value of another kind is taken for the address itself, in
/// Base64.
std::string session_address(std::string_view value, int64_t now_s);
std::string base64(std::string_view bytes);
/// Strict: padded, and of the standard alphabet; "" for anything else.
std::string from_base64(std::string_view text);

/// envoy.extensions.filters.http.stateful_session.v3.StatefulSession, see CatalogEntry.
FilterFactoryPtr read_stateful_session(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                       const FilterContext& context, config::Diagnostics& diagnostics);
/// envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute.
route::FilterSettingsPtr read_stateful_session_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                        const FilterContext& context, config::Diagnostics& diagnostics);
void declare_stateful_session(config::SupportTable& table);

}  // namespace weir::filter
