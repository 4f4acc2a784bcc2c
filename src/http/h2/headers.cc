#include "http/h2/headers.h"

#include "base/text.h"
#include "http/joined_lines.h"

namespace weir::http::h2 {

void BlockReader::begin(HeaderMap& map, bool request) {
  map_ = &map;
  request_ = request;
  count_ = cookies_ = 0;
  bytes_ = cookie_bytes_ = 0;
  host_ = {};
}

BlockReader::Verdict BlockReader::add(std::string_view name, std::string_view value) {
  const size_t size = name.size() + value.size(), limit = max_bytes();
  if (size > limit) return Verdict::kFieldTooLarge;
  const HeaderId id = header_id(name);
  // The crumbs of a cookie do not count (as in Envoy), up to what a block can hold without compression.
  (id == HeaderId::kCookie ? cookie_bytes_ : bytes_) += size;
  if (bytes_ > limit || cookie_bytes_ > 2 * limit) return Verdict::kTooLarge;
  if (id == HeaderId::kOther && request_ && limits_.underscores != CodecLimits::Underscores::kAllow &&
      name.find('_') != name.npos) {
    if (limits_.underscores == CodecLimits::Underscores::kReject) return Verdict::kUnderscore;
    stats_.dropped_headers_with_underscores.add();
    return Verdict::kOk;
  }
  if (take(name, value, id)) ++count_;
  return count_ > limits_.max_headers_count ? Verdict::kTooLarge : Verdict::kOk;
}

/// Whether the field is one more, rather than part of one that was there before.
bool BlockReader::take(std::string_view name, std::string_view value, HeaderId id) {
  Arena& arena = map_->arena();
  const std::string_view own_value = arena.copy(value);
  if (is_pseudo(id)) {
    map_->set_pseudo(id, own_value);
    return true;
  }
  if (id == HeaderId::kHost && request_) {
    host_ = own_value;
    return true;
  }
  if (id == HeaderId::kCookie) {
    if (!value.empty() || cookies_ > 0) {
      ++cookies_;
      map_->add(id, own_value);
    }
    return false;
  }
  const std::string_view own_name = id == HeaderId::kOther ? arena.copy(name) : header_name(id);
  if (join_repeated(*map_, own_name, id, own_value, request_)) return false;
  map_->add({own_name, own_value, id});
  return true;
}

void BlockReader::finish() {
  if (request_ && host_.data() != nullptr && !map_->has_pseudo(HeaderId::kAuthority)) {
    map_->set_pseudo(HeaderId::kAuthority, host_);
  }
  if (cookies_ > 1) join_cookies();
}

void BlockReader::join_cookies() {
  size_t size = 0;
  for (const Header& line : *map_) {
    if (line.id == HeaderId::kCookie) size += line.value.size() + 2;
  }
  char* const joined = map_->arena().allocate_chars(size);
  char* at = joined;
  for (const Header& line : *map_) {
    if (line.id != HeaderId::kCookie) continue;
    if (at != joined) at = put(at, "; ");
    at = put(at, line.value);
  }
  map_->set(HeaderId::kCookie, {joined, static_cast<size_t>(at - joined)});
}

void FieldList::add(std::string_view name, std::string_view value, uint8_t flags) {
  if (count_ == kFirst) [[unlikely]] {
    if (spill_.empty()) spill_.assign(first_, first_ + kFirst);
    spill_.emplace_back();
  }
  nghttp2_nv& field = spill_.empty() ? first_[count_++] : spill_.back();
  field.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
  field.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.empty() ? "" : value.data()));
  field.namelen = name.size();
  field.valuelen = value.size();
  field.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | flags;
}

void FieldList::add_pseudo(const HeaderMap& headers, HeaderId id) {
  if (headers.has_pseudo(id)) add(header_name(id), headers.pseudo(id));
}

void FieldList::add_request(const HeaderMap& headers) {
  const Header* upgrade = headers.find(HeaderId::kUpgrade);
  extended_connect_ = headers.has_pseudo(HeaderId::kProtocol) ||
                      (upgrade != nullptr && list_has_token(headers.get(HeaderId::kConnection), "upgrade"));
  const bool plain_connect = !extended_connect_ && headers.method() == "CONNECT";

  add(":method", extended_connect_ ? std::string_view("CONNECT") : headers.method());
  if (!plain_connect) {
    add_pseudo(headers, HeaderId::kScheme);
    add_pseudo(headers, HeaderId::kPath);
  }
  if (extended_connect_) {
    add(":protocol", headers.has_pseudo(HeaderId::kProtocol) ? headers.protocol() : upgrade->value);
  }
  if (headers.has_pseudo(HeaderId::kAuthority)) {
    add(":authority", headers.authority());
  } else if (const Header* host = headers.find(HeaderId::kHost)) {
    add(":authority", host->value);
  }
  add_lines(headers);
}

void FieldList::add_response(const HeaderMap& headers) {
  // HTTP/2 has no 101 (RFC 9113 §8.6): the answer to an extended CONNECT is 200.
  add(":status", headers.status() == 101 ? std::string_view("200") : headers.status_text());
  add_lines(headers);
}

void FieldList::add_trailers(const HeaderMap& trailers) { add_lines(trailers); }

void FieldList::add_lines(const HeaderMap& headers) {
  for (const Header& line : headers) {
    switch (line.id) {
      case HeaderId::kConnection:  // what concerns one HTTP/1 connection must not be sent (RFC 9113 §8.2.2)
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding:
      case HeaderId::kUpgrade:
      case HeaderId::kHttp2Settings:
      case HeaderId::kHost:
        break;
      case HeaderId::kTe:
        if (list_has_token(line.value, "trailers")) add(line.name, "trailers");
        break;
      case HeaderId::kRequestId:  // never the same twice: in the dynamic table it would only push out what is
        add(line.name, line.value, NGHTTP2_NV_FLAG_NO_INDEX);
        break;
      case HeaderId::kContentLength:
        if (!extended_connect_) add(line.name, line.value);
        break;
      default:
        add(line.name, line.value);
    }
  }
}

bool extended_connect_to_upgrade(HeaderMap& request) {
  if (!request.has_pseudo(HeaderId::kProtocol)) return false;
  request.set_pseudo(HeaderId::kMethod, "GET");
  request.set(HeaderId::kUpgrade, request.protocol());
  request.set(HeaderId::kConnection, "upgrade");
  request.remove_pseudo(HeaderId::kProtocol);
  return true;
}

void connect_response_to_upgrade(HeaderMap& response, std::string_view protocol) {
  if (response.status() != 200) return;
  response.set_status(101);
  response.set(HeaderId::kUpgrade, protocol);
  response.set(HeaderId::kConnection, "upgrade");
}

}  // namespace weir::http::h2
