// Where a request of an ORIGINAL_DST cluster wants to go.
#pragma once

#include "upstream/cluster_stats.h"
#include "upstream/pick_context.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// By the filter state `envoy.network.transport_socket.original_dst_address`, the metadata, the header, or where the connection
/// was on its way to before it was redirected to the proxy, whichever comes first; null if nothing says it.
net::AddressPtr original_destination(const OriginalDstSpec& spec, PickContext& context, ClusterStats& stats);

/// The first line of that name; "" if there is none.
std::string_view first_value(const http::HeaderMap& headers, std::string_view name);

}  // namespace weir::upstream
