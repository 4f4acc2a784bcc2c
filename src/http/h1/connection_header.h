// What a request's Connection header names concerns this connection only, and goes no further (RFC 9110 §7.6.1).
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "http/codec.h"
#include "http/h1/head.h"
#include "http/header_map.h"

namespace weir::http::h1 {

/// Takes out of Upgrade what `ignored` names, as if the client had not asked for it.
void ignore_upgrades(HeaderMap& headers, HeadFacts& facts, const std::function<bool(std::string_view)>& ignored);

/// Removes the lines that Connection names. An upgrade to HTTP/2 is not taken up: such a request becomes an ordinary one; any
/// other upgrade keeps its lines, for whoever is to upgrade needs them. Refuses what only an attacker would name (Envoy's rules).
std::optional<ProtocolError> settle_connection(HeaderMap& headers, HeadFacts& facts);

}  // namespace weir::http::h1
