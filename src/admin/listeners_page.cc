// /listeners: what is listened on.
#include "admin/catalog.h"
#include "admin/message_json.h"
#include "envoy/admin/v3/listeners.pb.h"
#include "net/address_config.h"

namespace weir::admin {

Response listeners_page(Site& site, const Request& request) {
  const auto listeners = site.subject.listeners();
  if (request.query.get("format") == "json") {
    envoy::admin::v3::Listeners message;
    for (const ListenerView& listener : listeners) {
      auto& status = *message.add_listener_statuses();
      status.set_name(listener.name);
      for (size_t i = 0; i < listener.addresses.size(); ++i) {
        net::write_address(*listener.addresses[i],
                           i == 0 ? *status.mutable_local_address() : *status.add_additional_local_addresses());
      }
    }
    return Response::json(message_json(message, site.schema));
  }
  std::string text;
  for (const ListenerView& listener : listeners) {
    for (const net::AddressPtr& address : listener.addresses) {
      (((text += listener.name) += "::") += address->text()) += '\n';
    }
  }
  return Response::text(std::move(text));
}

}  // namespace weir::admin
