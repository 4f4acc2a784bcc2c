// Callbacks: what nghttp2 tells a Connection while it takes bytes apart or puts frames together.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string_view>

#include "http/h2/headers.h"

namespace weir::http::h2 {

class Connection;
class H2Stream;

/// The functions nghttp2 calls; `user_data` is the Connection. They tell users only what came in; everything else is noted as a
/// signal, because they may run inside a call to a stream.
class Callbacks {
 public:
  /// The one table of all sessions.
  static const nghttp2_session_callbacks* table();
  /// Reads the body of an H2Stream.
  static nghttp2_data_provider body_of(H2Stream& stream);

 private:
  static Connection& connection(void* user_data) { return *static_cast<Connection*>(user_data); }
  /// Null if there is none, or none any more.
  static H2Stream* stream(Connection& connection, int32_t id);

  /// Null if nobody there is to hear of METADATA any more.
  static H2Stream* taker_of_metadata(Connection& connection, int32_t id);
  static bool block_too_large(const Connection& self);
  static uint32_t misplaced(Connection& self, const nghttp2_frame_hd& header);
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size, const uint8_t* value,
                       size_t value_size, uint8_t flags, void* user_data);
  static int on_data_chunk(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t size, void* user_data);
  static int on_frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user_data);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int on_stream_closed(nghttp2_session*, int32_t id, uint32_t error_code, void* user_data);
  static int on_metadata_chunk(nghttp2_session*, const nghttp2_frame_hd* header, const uint8_t* data, size_t size,
                               void* user_data);
  static int on_metadata_end(nghttp2_session*, void** payload, const nghttp2_frame_hd* header, void* user_data);
  static ssize_t pack_metadata(nghttp2_session*, uint8_t* buffer, size_t size, const nghttp2_frame* frame, void* user_data);
  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* buffer, size_t size, uint32_t* flags,
                           nghttp2_data_source* source, void* user_data);
  static int send_body(nghttp2_session*, nghttp2_frame* frame, const uint8_t* header, size_t size, nghttp2_data_source* source,
                       void* user_data);

  /// False if the connection is to be given up.
  static bool head_received(Connection& connection, H2Stream& stream, const nghttp2_frame& frame);
  static bool refused(Connection& connection, H2Stream& stream, BlockReader::Verdict verdict);
  /// Resets the stream; false if the connection is to be given up with it.
  static bool malformed(Connection& connection, H2Stream& stream, std::string_view details);
};

}  // namespace weir::http::h2
