// Metadata as values that can be compared, for transport_socket_matches.
#pragma once

#include "upstream/transport.h"

namespace google::protobuf {
class Struct;
}

namespace weir::upstream {

/// The fields of a Struct in order of their names.
MatchValues match_values(const google::protobuf::Struct& fields);

}  // namespace weir::upstream
