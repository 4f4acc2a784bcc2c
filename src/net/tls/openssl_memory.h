// Where OpenSSL gets its memory: from malloc, but for the buffers of records, which come and go with each record.
#pragma once

namespace weir::net {

/// Takes effect if OpenSSL has not asked for memory yet; call it before anything else of OpenSSL. Any number of times, main
/// thread.
void keep_record_buffers();

}  // namespace weir::net
