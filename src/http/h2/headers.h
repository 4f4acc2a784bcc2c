// Header blocks of HTTP/2: from decoded fields into a HeaderMap, and from a HeaderMap to the fields to encode.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/codec.h"
#include "http/header_map.h"

namespace weir::http::h2 {

/// Takes the fields of one block, in order, and copies them into the map's arena. nghttp2 has already checked what
/// RFC 9113 §8.2 and §8.3 demand of each.
class BlockReader {
 public:
  BlockReader(const CodecLimits& limits, Http2Stats& stats) : limits_(limits), stats_(stats) {}

  /// kFieldTooLarge: this field alone is larger than a head may be.
  enum class Verdict : uint8_t { kOk, kTooLarge, kFieldTooLarge, kUnderscore };

  /// How large a head may be.
  size_t max_bytes() const { return size_t{limits_.max_headers_kb} * 1024; }
  /// `request`: the block is the head of a request (where underscores in names may be unwelcome).
  void begin(HeaderMap& map, bool request);
  Verdict add(std::string_view name, std::string_view value);
  /// The block is complete: Host stands in for a missing :authority, and the crumbs of a cookie become one line again
  /// (RFC 9113 §8.3.1, §8.2.3).
  void finish();

 private:
  bool take(std::string_view name, std::string_view value, HeaderId id);
  void join_cookies();

  const CodecLimits limits_;
  Http2Stats& stats_;
  HeaderMap* map_ = nullptr;
  bool request_ = false;
  uint32_t count_ = 0;
  uint32_t cookies_ = 0;
  size_t bytes_ = 0;  // without cookies
  size_t cookie_bytes_ = 0;
  std::string_view host_;
};

/// The fields of a message to be sent, as nghttp2 wants them. They point to the text of the HeaderMap.
class FieldList {
 public:
  void add_request(const HeaderMap& headers);
  void add_response(const HeaderMap& headers);
  void add_trailers(const HeaderMap& trailers);

  const nghttp2_nv* data() const { return spill_.empty() ? first_ : spill_.data(); }
  size_t size() const { return spill_.empty() ? count_ : spill_.size(); }
  /// The request asks to speak another protocol on the stream (RFC 8441).
  bool extended_connect() const { return extended_connect_; }

 private:
  void add(std::string_view name, std::string_view value, uint8_t flags = 0);
  void add_pseudo(const HeaderMap& headers, HeaderId id);
  void add_lines(const HeaderMap& headers);

  static constexpr size_t kFirst = 48;
  nghttp2_nv first_[kFirst];
  size_t count_ = 0;
  std::vector<nghttp2_nv> spill_;  // all of them, once there are more than kFirst
  bool extended_connect_ = false;
};

/// A server's view of a WebSocket over HTTP/2 (RFC 8441): `:method CONNECT, :protocol p` becomes `GET` with `upgrade: p`, as
/// HTTP/1.1 would have said it. Returns whether it was one.
bool extended_connect_to_upgrade(HeaderMap& request);
/// A client's view of the answer: 200 becomes 101 with the headers of an upgrade to `protocol`.
void connect_response_to_upgrade(HeaderMap& response, std::string_view protocol);

}  // namespace weir::http::h2
