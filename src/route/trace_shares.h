// TraceShares: which requests are to be traced (HttpConnectionManager.Tracing, Route.tracing).
#pragma once

#include "format/fraction.h"

namespace weir::route {

struct TraceShares {
  format::Fraction client;   // of those that ask for it (x-client-trace-id)
  format::Fraction random;   // of all others
  format::Fraction overall;  // of what the two chose
};

/// With the keys of the runtime that they follow, if `runtime` is not null.
TraceShares trace_shares(RuntimeShare client, RuntimeShare random, RuntimeShare overall, RuntimeValues* runtime);

}  // namespace weir::route
