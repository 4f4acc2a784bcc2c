#include "proxy/listener_spec.h"

namespace weir::proxy {

size_t ListenerSpec::find_chain(const format::ConnectionInfo& connection, std::string_view transport_protocol,
                                const std::vector<std::string>* application_protocols) const {
  if (chain_matcher.empty()) {
    return index.find({.destination = *connection.local_address,
                       .source = *connection.remote_address,
                       .direct_source = *connection.direct_remote_address,
                       .server_name = connection.requested_server_name,
                       .transport_protocol = transport_protocol,
                       .application_protocols = application_protocols});
  }
  format::MatchData data;
  data.connection = &connection;
  data.transport_protocol = transport_protocol;
  data.application_protocols = application_protocols;
  const auto outcome = chain_matcher.match(data);
  if (outcome.state != format::MatcherTree::State::kMatch) return default_chain;
  return outcome.action < chains.size() ? outcome.action : FilterChainIndex::kNone;
}

}  // namespace weir::proxy
