#include "proxy/scoped_routes_config.h"

#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace weir::proxy {

namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using config::Diagnostics;
using config::FieldPath;
using Extractor = v3::ScopedRoutes::ScopeKeyBuilder::FragmentBuilder::HeaderValueExtractor;
using envoy::config::route::v3::ScopedRouteConfiguration;

namespace {

void error(Diagnostics& diagnostics, const FieldPath& at, std::string message, std::string hint) {
  diagnostics.error({{}, at.text(), std::move(message), std::move(hint)});
}

route::ScopeKeyPart key_part(const Extractor& from, const FieldPath& at, Diagnostics& diagnostics) {
  route::ScopeKeyPart part{.header = http::HeaderName(from.name()), .element_separator = from.element_separator()};
  if (from.extract_type_case() == Extractor::kElement) {
    part.separator = from.element().separator();
    part.element = from.element().key();
  } else if (from.extract_type_case() == Extractor::kIndex) {
    part.index = from.index();
    if (part.index > 0 && part.element_separator.empty()) {
      error(diagnostics, {&at, "index"}, "must be 0, for without an element_separator the header is one element",
            "give element_separator");
    }
  } else {
    error(diagnostics, at, "needs an index or an element", "index: 0 takes the whole header if there is no element_separator");
  }
  return part;
}

route::Scopes::Scope scope(const ScopedRouteConfiguration& from, const FieldPath& at, ListenerConfigContext& context,
                           Diagnostics& diagnostics) {
  route::Scopes::Scope result{.name = from.name(), .key = {}, .routes = nullptr};
  std::vector<std::string> parts;
  for (const auto& fragment : from.key().fragments()) parts.push_back(fragment.string_key());
  result.key = route::ScopeKeyBuilder::key(parts);
  if (!from.route_configuration_name().empty()) {
    error(diagnostics, {&at, "route_configuration_name"}, "cannot be used in scopes that are given inline",
          "give route_configuration");
  } else if (!from.has_route_configuration()) {
    error(diagnostics, at, "needs a route_configuration", "");
  } else {
    route::RouteTablePtr table = context.read_routes(from.route_configuration(), {&at, "route_configuration"}, diagnostics);
    result.routes = std::make_shared<route::TableSource>(from.route_configuration().name(), std::move(table));
  }
  return result;
}

}  // namespace

std::shared_ptr<route::ScopeSource> read_scoped_routes(const v3::ScopedRoutes& from, const FieldPath& at,
                                                       const std::string& stat_prefix, ListenerConfigContext& context,
                                                       Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  std::vector<route::ScopeKeyPart> parts;
  const FieldPath builder{&at, "scope_key_builder"};
  const FieldPath fragments{&builder, "fragments"};
  for (int i = 0; i < from.scope_key_builder().fragments_size(); ++i) {
    const FieldPath here{&fragments, {}, i};
    parts.push_back(
        key_part(from.scope_key_builder().fragments(i).header_value_extractor(), {&here, "header_value_extractor"}, diagnostics));
  }
  if (from.has_scoped_rds() && context.find_scopes != nullptr) {
    if (diagnostics.errors().size() != errors || diagnostics.full()) return nullptr;
    return context.find_scopes(from, route::ScopeKeyBuilder(std::move(parts)), stat_prefix, at, diagnostics);
  }
  std::vector<route::Scopes::Scope> scopes;
  const FieldPath list{&at, "scoped_route_configurations_list"};
  const FieldPath items{&list, "scoped_route_configurations"};
  const auto& configurations = from.scoped_route_configurations_list().scoped_route_configurations();
  for (int i = 0; i < configurations.size(); ++i) {
    scopes.push_back(scope(configurations[i], {&items, {}, i}, context, diagnostics));
  }
  if (diagnostics.errors().size() != errors || diagnostics.full()) return nullptr;
  return std::make_shared<route::ScopeSource>(from.name(), route::ScopeKeyBuilder(std::move(parts)),
                                              std::make_shared<const route::Scopes>(std::move(scopes)));
}

void declare_scoped_routes(config::SupportTable& table) {
  table.message<v3::ScopedRoutes>().fields(
      {"name", "scope_key_builder", "scoped_route_configurations_list", "scoped_rds", "rds_config_source"});
  table.message<v3::ScopedRds>().fields({"scoped_rds_config_source"});
  table.message<v3::ScopedRoutes::ScopeKeyBuilder>().all_fields();
  table.message<v3::ScopedRoutes::ScopeKeyBuilder::FragmentBuilder>().all_fields();
  table.message<Extractor>().all_fields();
  table.message<Extractor::KvElement>().all_fields();
  table.message<v3::ScopedRouteConfigurationsList>().all_fields();
  table.message<ScopedRouteConfiguration>()
      .fields({"name", "key", "route_configuration", "route_configuration_name"})
      .harmless({"on_demand"});  // all scopes are there from the start
  table.message<ScopedRouteConfiguration::Key>().all_fields();
  table.message<ScopedRouteConfiguration::Key::Fragment>().all_fields();
}

}  // namespace weir::proxy
