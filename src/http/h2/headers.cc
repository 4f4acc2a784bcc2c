#include "http/h2/headers.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "http/characters.h"
#include "http/joined_lines.h"
#include "http/url.h"

namespace weir::http::h2 {

namespace {

/// RFC 9113 §8.2.3: the lines of a cookie as one.
std::string_view joined_cookies(const HeaderMap& headers) {
  size_t size = 0, count = 0;
  std::string_view last;
  for (const Header& line : headers) {
    if (line.id != HeaderId::kCookie) continue;
    last = line.value;
    size += last.size() + 2;
    ++count;
  }
  if (count < 2) return last;
  char* const joined = headers.arena().allocate_chars(size);
  char* at = joined;
  for (const Header& line : headers) {
    if (line.id != HeaderId::kCookie) continue;
    if (at != joined) at = put(at, "; ");
    at = put(at, line.value);
  }
  return {joined, static_cast<size_t>(at - joined)};
}

}  // namespace

void BlockReader::begin(HeaderMap& map, Block block, BodyLength& body) {
  map_ = &map;
  body_ = &body;
  block_ = block;
  lines_begun_ = unknown_pseudo_ = false;
  count_ = cookies_ = 0;
  bytes_ = cookie_bytes_ = 0;
  host_ = {};
}

[[gnu::always_inline]] inline BlockReader::Fate BlockReader::judge(std::string_view name, std::string_view value, HeaderId id) {
  const auto taken_if = [](bool good) { return good ? Fate::kTaken : Fate::kBadField; };
  if (is_pseudo(id)) return judge_pseudo(value, id);
  switch (id) {
    case HeaderId::kOther:
      if (name.starts_with(':') && all_of(name.substr(1), Bytes::kLowerToken)) return Fate::kUnknown;
      lines_begun_ = true;
      return taken_if(!name.empty() && all_of(name, Bytes::kLowerToken) && is_field_value(value));
    case HeaderId::kConnection:  // RFC 9113 §8.2.2
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return Fate::kBadField;
    case HeaderId::kTe:
      return taken_if(value == "trailers");
    case HeaderId::kHost:
      lines_begun_ = true;
      return judge_host(value);
    case HeaderId::kContentLength:
      lines_begun_ = true;
      return judge_content_length(value);
    default:
      lines_begun_ = true;
      return taken_if(is_field_value(value));
  }
}

/// RFC 9113 §8.3: known, once, before all others, of bytes that may stand there.
[[gnu::always_inline]] inline BlockReader::Fate BlockReader::judge_pseudo(std::string_view value, HeaderId id) const {
  if (!may_have_pseudo(id) || map_->has_pseudo(id)) return Fate::kBadMessage;
  const auto taken_if = [this](bool good) { return good && !lines_begun_ ? Fate::kTaken : Fate::kBadField; };
  if (id == HeaderId::kAuthority) return taken_if(is_authority(value) && value.find('@') == value.npos);
  if (value.empty()) return Fate::kBadField;
  switch (id) {
    case HeaderId::kStatus:
      return taken_if(value.size() == 3 && std::ranges::all_of(value, is_digit) && value[0] != '0' && value != "101");
    case HeaderId::kMethod:
      return taken_if(all_of(value, Bytes::kToken));
    case HeaderId::kPath:
      return taken_if(all_of(value, Bytes::kPath));
    case HeaderId::kScheme:
      return taken_if(all_of(value, Bytes::kScheme) && to_lower(value[0]) >= 'a');
    default:
      return taken_if(is_field_value(value));
  }
}

[[gnu::always_inline]] inline bool BlockReader::may_have_pseudo(HeaderId id) const {
  if (block_ == Block::kResponse) return id == HeaderId::kStatus;
  return block_ == Block::kRequest && id != HeaderId::kStatus && (allow_connect_ || id != HeaderId::kProtocol);
}

/// RFC 9113 §8.3.1. What :authority already said may be said again.
BlockReader::Fate BlockReader::judge_host(std::string_view value) const {
  if (block_ == Block::kRequestTrailers || block_ == Block::kResponseTrailers) return Fate::kBadMessage;
  if (block_ == Block::kResponse) return is_field_value(value) ? Fate::kTaken : Fate::kBadField;
  if (!is_authority(value) || value.find('@') != value.npos) return Fate::kBadField;
  if (map_->has_pseudo(HeaderId::kAuthority)) return Fate::kDropped;
  return value.empty() || host_.data() != nullptr ? Fate::kBadField : Fate::kTaken;
}

/// RFC 9110 §8.6: may be said twice if it says the same, and should not be said of a 204, which has no bytes.
BlockReader::Fate BlockReader::judge_content_length(std::string_view value) {
  BodyLength& body = *body_;
  if (block_ == Block::kResponse) {
    const int status = map_->status();
    if (status >= 100 && status < 200) return Fate::kBadField;
    if (status / 100 == 2 && status != 204 && body.of_connect) return Fate::kDropped;
  }
  const std::optional<uint64_t> length = parse_number(value);
  if (!length || *length > uint64_t{INT64_MAX}) return Fate::kBadField;
  if (body.declared != BodyLength::kUnknown) {
    return static_cast<int64_t>(*length) == body.declared ? Fate::kDropped : Fate::kBadField;
  }
  body.declared = static_cast<int64_t>(*length);
  const bool empty = block_ == Block::kResponse && map_->status() == 204;
  return empty && value != "0" ? Fate::kBadField : Fate::kTaken;
}

/// Whether the field is one more, rather than part of one that was there before.
[[gnu::always_inline]] inline bool BlockReader::take(std::string_view name, std::string_view value, HeaderId id) {
  Arena& arena = map_->arena();
  const std::string_view own_value = arena.copy(value);
  if (is_pseudo(id)) {
    map_->set_pseudo(id, own_value);
    return true;
  }
  const bool request = block_ == Block::kRequest;
  if (id == HeaderId::kHost && request) {
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
  if (join_repeated(*map_, own_name, id, own_value, request)) return false;
  map_->add({own_name, own_value, id});
  return true;
}

BlockReader::Verdict BlockReader::add(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  if (const Fate fate = judge(name, value, id); fate != Fate::kTaken) {
    if (fate == Fate::kDropped) return Verdict::kOk;
    if (fate == Fate::kUnknown) {  // as in Envoy, said at the end: that there are too many fields comes first
      unknown_pseudo_ = true;
      return ++count_ > limits_.max_headers_count ? Verdict::kTooLarge : Verdict::kOk;
    }
    return fate == Fate::kBadField ? Verdict::kBadField : Verdict::kBadMessage;
  }
  const size_t size = name.size() + value.size(), limit = max_bytes();
  if (size > limit) return Verdict::kFieldTooLarge;
  // The crumbs of a cookie do not count (as in Envoy), up to what a block can hold without compression.
  (id == HeaderId::kCookie ? cookie_bytes_ : bytes_) += size;
  if (bytes_ > limit || cookie_bytes_ > 2 * limit) return Verdict::kTooLarge;
  if (id == HeaderId::kOther && block_ == Block::kRequest && limits_.underscores != CodecLimits::Underscores::kAllow &&
      name.find('_') != name.npos) {
    if (limits_.underscores == CodecLimits::Underscores::kReject) return Verdict::kUnderscore;
    stats_.dropped_headers_with_underscores.add();
    return Verdict::kOk;
  }
  if (take(name, value, id)) ++count_;
  return count_ > limits_.max_headers_count ? Verdict::kTooLarge : Verdict::kOk;
}

BlockReader::Verdict BlockReader::finish(bool end_stream) {
  if (unknown_pseudo_) return Verdict::kBadMessage;
  switch (block_) {
    case Block::kRequest:
      if (!is_whole_request()) return Verdict::kBadMessage;
      if (host_.data() != nullptr && !map_->has_pseudo(HeaderId::kAuthority)) map_->set_pseudo(HeaderId::kAuthority, host_);
      break;
    case Block::kResponse:
      if (!is_whole_response()) return Verdict::kBadMessage;
      break;
    case Block::kRequestTrailers:
    case Block::kResponseTrailers:
      if (!end_stream) return Verdict::kUnfinished;
  }
  if (cookies_ > 0) join_cookies();
  if (!end_stream || body_->complete()) return Verdict::kOk;
  return block_ == Block::kRequest || block_ == Block::kRequestTrailers ? Verdict::kBodyMissing : Verdict::kBadMessage;
}

/// RFC 9113 §8.3.1, §8.5, RFC 8441 §4.
bool BlockReader::is_whole_request() {
  const auto has = [this](HeaderId id) { return map_->has_pseudo(id); };
  const bool connect = map_->method() == "CONNECT", protocol = has(HeaderId::kProtocol);
  if (connect && !protocol) {
    body_->declared = BodyLength::kUnknown;
    return !map_->authority().empty() && !has(HeaderId::kScheme) && !has(HeaderId::kPath);
  }
  if (!has(HeaderId::kMethod) || !has(HeaderId::kScheme) || !has(HeaderId::kPath)) return false;
  if (!has(HeaderId::kAuthority) && (protocol || host_.data() == nullptr)) return false;
  if (protocol && !connect) return false;
  return map_->path().front() == '/' || (map_->path() == "*" && map_->method() == "OPTIONS");
}

/// RFC 9113 §8.3.2, RFC 9110 §6.4.1: also what the status says about the length of the body.
bool BlockReader::is_whole_response() {
  const int status = map_->status();
  if (status == 0) return false;
  body_->awaits_final = status < 200;
  if (status < 200) {
    body_->declared = BodyLength::kUnknown;
  } else if (body_->of_head || status == 204 || status == 304) {
    body_->declared = 0;
  } else if (body_->of_connect) {
    body_->declared = BodyLength::kUnknown;
  }
  return true;
}

/// As in Envoy the cookie comes last.
void BlockReader::join_cookies() {
  const std::string_view joined = joined_cookies(*map_);
  map_->remove(HeaderId::kCookie);
  map_->add(HeaderId::kCookie, joined);
}

void FieldList::make_room(const HeaderMap& headers) {
  const size_t most = headers.size() + kPseudoHeaderCount;
  if (most <= kMost) [[likely]]
    return;
  many_.resize(most);
  fields_ = many_.data();
}

inline void FieldList::add(std::string_view name, std::string_view value, uint8_t flags) {
  nghttp2_nv& field = fields_[count_++];
  field.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
  field.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.empty() ? "" : value.data()));
  field.namelen = name.size();
  field.valuelen = value.size();
  field.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | flags;
}

void FieldList::add_pseudo(const HeaderMap& headers, HeaderId id) {
  if (headers.has_pseudo(id)) add(header_name(id), headers.pseudo(id));
}

void FieldList::add_request(const HeaderMap& headers, bool first) {
  make_room(headers);
  // A request's id is never the same twice: in the dynamic table it would only push out what is. Once, for the sake of its name.
  if (first) request_id_flags_ = NGHTTP2_NV_FLAG_NONE;
  const Header* upgrade = headers.find(HeaderId::kUpgrade);
  extended_connect_ = headers.has_pseudo(HeaderId::kProtocol) ||
                      (upgrade != nullptr && list_has_token(headers.get(HeaderId::kConnection), "upgrade"));
  const bool plain_connect = !extended_connect_ && headers.method() == "CONNECT";

  // In the order in which Envoy sends them.
  if (headers.has_pseudo(HeaderId::kAuthority)) {
    add(":authority", headers.authority());
  } else if (const Header* host = headers.find(HeaderId::kHost)) {
    add(":authority", host->value);
  }
  if (!plain_connect) add_pseudo(headers, HeaderId::kPath);
  add(":method", extended_connect_ ? std::string_view("CONNECT") : headers.method());
  if (!plain_connect) add_pseudo(headers, HeaderId::kScheme);
  if (extended_connect_) {
    add(":protocol", headers.has_pseudo(HeaderId::kProtocol) ? headers.protocol() : upgrade->value);
  }
  add_lines(headers);
}

void FieldList::add_response(const HeaderMap& headers) {
  make_room(headers);
  // HTTP/2 has no 101 (RFC 9113 §8.6): the answer to an extended CONNECT is 200.
  add(":status", headers.status() == 101 ? std::string_view("200") : headers.status_text());
  add_lines(headers);
}

void FieldList::add_trailers(const HeaderMap& trailers) {
  make_room(trailers);
  add_lines(trailers);
}

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
      case HeaderId::kCookie:  // one line, as Envoy has it
        if (&line == headers.find(HeaderId::kCookie)) add(line.name, joined_cookies(headers));
        break;
      case HeaderId::kRequestId:
        add(line.name, line.value, request_id_flags_);
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
