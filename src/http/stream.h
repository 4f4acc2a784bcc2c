// Stream and StreamEvents: one request with its response, as a codec offers it; the same words on the server's and on the
// client's side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/header_map.h"

namespace weir::http {

enum class Protocol : uint8_t { kHttp10, kHttp11, kHttp2, kHttp3 };

/// "HTTP/1.1" and so on, as access logs show it.
std::string_view protocol_name(Protocol protocol);

/// Why a stream ended before both sides were done.
enum class Reset : uint8_t {
  kLocal,                  // we do not want it any more
  kLocalRefused,           // we refuse it; nothing was processed
  kRemote,                 // the peer reset it (RST_STREAM)
  kRemoteRefused,          // the peer refused it; nothing was processed
  kConnectionTermination,  // the connection ended under it
  kProtocolError,          // the peer broke the protocol
  kConnectFailure,         // no connection came about
  kConnectTimeout,
  kOverflow,             // a limit of ours forbade it
  kLocalConnectFailure,  // no connection could even be tried, for a reason that lies here
};

/// How a peer broke the protocol, in Envoy's words.
struct ProtocolError {
  /// The answer the peer should get if an answer is still possible (400, 426, 431, 501); 0 if none is.
  int status = 0;
  /// For response code details, e.g. "http1.codec_error".
  std::string_view details;
  /// For people, e.g. "http/1.1 protocol error: header value contains invalid chars".
  std::string_view message;
};

/// How many bytes a stream's messages were, counted as Envoy counts them: of the header lines of HTTP/1 without the first line,
/// of HTTP/2 the HEADERS frames.
struct StreamTraffic {
  struct Direction {
    uint64_t wire = 0;          // all of it
    uint64_t headers = 0;       // heads and trailers
    uint64_t decompressed = 0;  // their names and values
  };
  Direction received, sent;
};

/// What a codec tells the user of a stream. Never called from inside a call to the same Stream, unless said otherwise.
class StreamEvents {
 public:
  /// The codec counts here.
  StreamTraffic traffic;

  /// Where the codec puts the message's head before on_headers(), and its trailers before on_trailers(). Server side: the
  /// request; client side: the response.
  virtual HeaderMap& incoming_headers() = 0;
  virtual HeaderMap& incoming_trailers() = 0;

  virtual void on_headers(bool end_stream) = 0;
  /// A 1xx response other than 101 is in incoming_headers() (client side). The map is the codec's to clear afterwards.
  virtual void on_informational() {}
  /// The bytes are valid until it returns.
  virtual void on_body(std::string_view bytes, bool end_stream) = 0;
  virtual void on_trailers() = 0;
  /// A block of METADATA passed along the stream: HPACK that needs no dynamic table. Valid until it returns.
  virtual void on_metadata(std::string_view) {}
  /// The stream is gone; nothing further will be called, and the Stream must not be used any more. `details` are Envoy's words
  /// for the cause ("" if the reset says it all).
  virtual void on_reset(Reset reason, std::string_view details) = 0;
  /// Server side: the request breaks the protocol. Answer it with `error.status` if no answer has begun, else reset() it; the
  /// connection takes no further request.
  virtual void on_malformed(const ProtocolError& error) { on_reset(Reset::kProtocolError, error.details); }
  /// over_limit() had said true, and now there is room again.
  virtual void on_room() {}
  /// Everything of both directions is through: the codec lets go of the stream after this call (server side: the response has
  /// been handed to the connection and the request was fully received).
  virtual void on_complete() {}

 protected:
  ~StreamEvents() = default;
};

/// One stream's sending side. Valid until on_reset(), on_complete() or reset().
class Stream {
 public:
  virtual void send_headers(const HeaderMap& headers, bool end_stream) = 0;
  /// A 1xx response (server side).
  virtual void send_informational(const HeaderMap& headers) = 0;
  virtual void send_body(std::string_view bytes, bool end_stream) = 0;
  virtual void send_trailers(const HeaderMap& trailers) = 0;
  /// A block as on_metadata() gives it. Where the protocol has no METADATA it is counted and goes nowhere.
  virtual void send_metadata(std::string_view) {}
  /// Gives the stream up; no event follows.
  virtual void reset(Reset reason) = 0;

  /// Before send_headers(), client side: the request and its answer are the two directions of a tunnel. Over HTTP/1 the end of
  /// either ends the connection.
  virtual void carry_tunnel() {}

  /// Stops and continues the coming of on_body(). At most what one read brings is still delivered after pause().
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Whether more bytes wait to be sent than the buffer limit allows; if so on_room() will come.
  virtual bool over_limit() = 0;

  virtual Protocol protocol() const = 0;

 protected:
  ~Stream() = default;
};

}  // namespace weir::http
