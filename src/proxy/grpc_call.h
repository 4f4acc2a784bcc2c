// GrpcCall: one unary call of gRPC to a cluster of ours, for whoever on this worker needs a service.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "filter/call.h"
#include "format/stream_info.h"

namespace weir::proxy {

class Worker;

/// Asks; `events` outlives the call. What `info` knows of the request goes into the call's metadata. Never null.
std::unique_ptr<filter::Call> start_grpc_call(Worker& worker, const filter::CallSpec& spec, std::string_view message,
                                              const format::FormatContext& context, filter::CallEvents& events);

/// The same, but nobody waits for the answer. `spec` outlives this call, not what comes of it.
void tell_grpc(Worker& worker, const filter::CallSpec& spec, std::string_view message, const format::FormatContext& context);

}  // namespace weir::proxy
