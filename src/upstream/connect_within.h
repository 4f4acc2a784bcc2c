// Connecting within a time that is not the cluster's connect_timeout, for those that keep time themselves (active checks).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "net/byte_stream.h"
#include "upstream/endpoint.h"
#include "upstream/pool.h"
#include "upstream/transport.h"

namespace weir::upstream {

/// Like connect_to(), but gives up after `timeout_ms`. Checks give up themselves before that: the cluster's limit is for
/// requests.
std::unique_ptr<net::ByteStream> connect_within(int64_t timeout_ms, const PoolContext& context, const Endpoint& endpoint,
                                                const Transport& transport, const ConnectionWishes& wishes,
                                                std::string_view alpn);

}  // namespace weir::upstream
