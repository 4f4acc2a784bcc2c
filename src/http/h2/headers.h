// Header blocks of HTTP/2: from decoded fields into a HeaderMap, and from a HeaderMap to the fields to encode.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/codec.h"
#include "http/header_map.h"

namespace weir::http::h2 {

/// The length of a message's body: what its head said, and what came (RFC 9113 §8.1.1). Belongs to a stream.
struct BodyLength {
  static constexpr int64_t kUnknown = -1;
  int64_t declared = kUnknown;
  int64_t received = 0;
  // What a client knows of its own request.
  bool of_head = false, of_connect = false;
  bool awaits_final = false;  // only informational heads so far

  /// Whether `size` more bytes of body may come.
  bool admits(size_t size) {
    received += static_cast<int64_t>(size);
    return !awaits_final && (declared == kUnknown || received <= declared);
  }
  /// Whether the message may end here.
  bool complete() const { return !awaits_final && (declared == kUnknown || declared == received); }
};

/// Takes the fields of one block, in order, checks them (RFC 9113 §8.2, §8.3) and copies them into the map's arena.
class BlockReader {
 public:
  BlockReader(const CodecLimits& limits, Http2Stats& stats, bool allow_connect)
      : limits_(limits), stats_(stats), allow_connect_(allow_connect) {}

  enum class Block : uint8_t { kRequest, kResponse, kRequestTrailers, kResponseTrailers };
  /// kFieldTooLarge: this field alone is larger than a head may be. kBadField: a field is malformed. kBadMessage: the whole is.
  /// kBodyMissing: all that is wrong with a request is that it ends before the body that it promised. kUnfinished: it goes on
  /// after its trailers.
  enum class Verdict : uint8_t { kOk, kTooLarge, kFieldTooLarge, kUnderscore, kBadField, kBadMessage, kBodyMissing, kUnfinished };

  /// How large a head may be.
  size_t max_bytes() const { return size_t{limits_.max_headers_kb} * 1024; }
  void begin(HeaderMap& map, Block block, BodyLength& body);
  Verdict add(std::string_view name, std::string_view value);
  /// The block is complete: Host stands in for a missing :authority, and the crumbs of a cookie become one line again
  /// (RFC 9113 §8.3.1, §8.2.3).
  Verdict finish(bool end_stream);

 private:
  enum class Fate : uint8_t { kTaken, kDropped, kUnknown, kBadField, kBadMessage };

  Fate judge(std::string_view name, std::string_view value, HeaderId id);
  Fate judge_pseudo(std::string_view value, HeaderId id) const;
  bool may_have_pseudo(HeaderId id) const;
  Fate judge_host(std::string_view value) const;
  Fate judge_content_length(std::string_view value);
  bool is_whole_request();
  bool is_whole_response();
  bool take(std::string_view name, std::string_view value, HeaderId id);
  void join_cookies();

  const CodecLimits limits_;
  Http2Stats& stats_;
  const bool allow_connect_;  // :protocol is known (RFC 8441)
  HeaderMap* map_ = nullptr;
  BodyLength* body_ = nullptr;
  Block block_ = Block::kRequest;
  bool lines_begun_ = false;     // pseudo-headers come first
  bool unknown_pseudo_ = false;  // one was there
  uint32_t count_ = 0;
  uint32_t cookies_ = 0;
  size_t bytes_ = 0;  // without cookies
  size_t cookie_bytes_ = 0;
  std::string_view host_;
};

/// The fields of a message to be sent, as nghttp2 wants them. They point to the text of the HeaderMap.
class FieldList {
 public:
  FieldList() = default;
  FieldList(const FieldList&) = delete;
  FieldList& operator=(const FieldList&) = delete;

  /// `first`: on this connection.
  void add_request(const HeaderMap& headers, bool first);
  void add_response(const HeaderMap& headers);
  void add_trailers(const HeaderMap& trailers);

  const nghttp2_nv* data() const { return fields_; }
  size_t size() const { return count_; }
  /// The request asks to speak another protocol on the stream (RFC 8441).
  bool extended_connect() const { return extended_connect_; }

 private:
  void add(std::string_view name, std::string_view value, uint8_t flags = 0);
  void add_pseudo(const HeaderMap& headers, HeaderId id);
  void add_lines(const HeaderMap& headers);

  /// Room for these lines, and for the pseudo-headers before them.
  void make_room(const HeaderMap& headers);

  static constexpr size_t kMost = 48;  // that need no memory of their own
  nghttp2_nv own_[kMost];
  std::vector<nghttp2_nv> many_;
  nghttp2_nv* fields_ = own_;
  size_t count_ = 0;
  bool extended_connect_ = false;
  uint8_t request_id_flags_ = NGHTTP2_NV_FLAG_NO_INDEX;
};

/// A server's view of a WebSocket over HTTP/2 (RFC 8441): `:method CONNECT, :protocol p` becomes `GET` with `upgrade: p`, as
/// HTTP/1.1 would have said it. Returns whether it was one.
bool extended_connect_to_upgrade(HeaderMap& request);
/// A client's view of the answer: 200 becomes 101 with the headers of an upgrade to `protocol`.
void connect_response_to_upgrade(HeaderMap& response, std::string_view protocol);

}  // namespace weir::http::h2
