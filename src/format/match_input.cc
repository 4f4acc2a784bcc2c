#include "format/match_input.h"

#include <charconv>

#include "net/tls/tls_info.h"

namespace weir::format {

namespace {

using Kind = MatchInput::Kind;
using State = InputValue::State;

constexpr InputValue kNotYet{State::kNotYet, {}, nullptr, nullptr};

InputValue there(std::string_view text) { return {State::kThere, text, nullptr, nullptr}; }
InputValue unless_empty(std::string_view text) { return text.empty() ? InputValue() : there(text); }

InputValue header(const http::HeaderMap* headers, const http::HeaderName& name) {
  if (headers == nullptr) return kNotYet;
  const std::string_view value = http::joined_value(*headers, name);
  return value.data() == nullptr ? InputValue() : there(value);
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = to_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Percent signs that do not stand before two digits stay as they are.
std::string_view percent_decoded(std::string_view text, Scratch& scratch) {
  if (text.find('%') == std::string_view::npos) return text;
  char* to = scratch.room(text.size());
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
    if (low < 0) {
      to[size++] = text[i];
    } else {
      to[size++] = static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return {to, size};
}

InputValue query_parameter(const http::HeaderMap* request, std::string_view name, Scratch& scratch) {
  if (request == nullptr) return kNotYet;
  const std::string_view path = request->path();
  const size_t question = path.find('?');
  if (question == std::string_view::npos) return {};
  std::string_view rest = path.substr(question + 1);
  while (!rest.empty()) {
    const size_t ampersand = rest.find('&');
    const std::string_view pair = rest.substr(0, ampersand);
    rest = ampersand == std::string_view::npos ? std::string_view() : rest.substr(ampersand + 1);
    const size_t equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals), scratch) != name) continue;
    return there(equals == std::string_view::npos ? std::string_view("") : percent_decoded(pair.substr(equals + 1), scratch));
  }
  return {};
}

InputValue ip(const net::AddressPtr& address) {
  if (address == nullptr || !address->is_ip()) return {};
  return {State::kThere, address->ip(), address.get(), nullptr};
}

InputValue port(const net::AddressPtr& address, Scratch& scratch) {
  if (address == nullptr || !address->is_ip()) return {};
  char* digits = scratch.room(5);
  const char* end = std::to_chars(digits, digits + 5, address->port()).ptr;
  return there({digits, static_cast<size_t>(end - digits)});
}

InputValue protocols(const std::vector<std::string>* list, Scratch& scratch) {
  if (list == nullptr || list->empty()) return {};
  size_t size = 0;
  for (const std::string& each : *list) size += each.size() + 3;
  char* const to = scratch.room(size);
  char* at = to;
  for (const std::string& each : *list) {
    at = put(at, at == to ? "'" : ",'");
    at = put(put(at, each), "'");
  }
  return there({to, static_cast<size_t>(at - to)});
}

InputValue joined(const std::vector<std::string>& names, Scratch& scratch) {
  if (names.size() <= 1) return names.empty() ? InputValue() : there(names.front());
  size_t size = 0;
  for (const std::string& name : names) size += name.size() + 1;
  char* const to = scratch.room(size);
  char* at = to;
  for (const std::string& name : names) {
    if (at != to) *at++ = ',';
    at = put(at, name);
  }
  return there({to, static_cast<size_t>(at - to)});
}

/// Missing without TLS, and of clients without a certificate.
InputValue peer(Kind kind, const ConnectionInfo& connection, Scratch& scratch) {
  if (connection.tls_info == nullptr) return {};
  const net::CertificateFacts& facts = connection.tls_info->peer();
  if (kind == Kind::kPeerSubject) return unless_empty(facts.subject);
  return joined(kind == Kind::kPeerUriSan ? facts.uri_sans : facts.dns_sans, scratch);
}

bool same_host(const ConnectionInfo& connection) {
  const net::AddressPtr& from = connection.remote_address;
  if (from == nullptr) return false;
  if (!from->is_ip() || from->is_loopback()) return true;
  return connection.local_address != nullptr && connection.local_address->ip() == from->ip();
}

}  // namespace

MatchInput::MatchInput(Kind kind, std::string_view name) : kind_(kind), name_(name) {
  if (kind == Kind::kRequestHeader || kind == Kind::kResponseHeader || kind == Kind::kRequestTrailer ||
      kind == Kind::kResponseTrailer)
    header_ = http::HeaderName(name);
}

MatchInput MatchInput::metadata(std::string filter, std::vector<std::string> path) {
  MatchInput result(Kind::kDynamicMetadata, filter);
  result.path_ = std::move(path);
  return result;
}

InputValue MatchInput::get(const MatchData& data, Scratch& scratch) const {
  const ConnectionInfo* connection = data.info != nullptr ? data.info->connection : data.connection;
  switch (kind_) {
    case Kind::kRequestHeader:
      return header(data.request, header_);
    case Kind::kResponseHeader:
      return header(data.response, header_);
    case Kind::kRequestTrailer:
      return header(data.request_trailers, header_);
    case Kind::kResponseTrailer:
      return header(data.response_trailers, header_);
    case Kind::kQueryParameter:
      return query_parameter(data.request, name_, scratch);
    case Kind::kFilterState: {
      const FilterState::Object* object = data.info == nullptr ? nullptr : data.info->filter_state.find(name_);
      return object == nullptr ? InputValue() : InputValue{State::kThere, object->text, object->address, nullptr};
    }
    case Kind::kDynamicMetadata: {
      const MetadataValue* value = data.info == nullptr ? nullptr : data.info->metadata.find(name_, path_);
      return value == nullptr ? InputValue() : InputValue{State::kThere, {}, nullptr, value};
    }
    case Kind::kFixed:
      return unless_empty(name_);
    case Kind::kTransportProtocol:
      return unless_empty(data.transport_protocol);
    case Kind::kApplicationProtocol:
      return protocols(data.application_protocols, scratch);
    default:
      break;
  }
  if (connection == nullptr) return kNotYet;
  switch (kind_) {
    case Kind::kDestinationIp:
      return ip(connection->local_address);
    case Kind::kDestinationPort:
      return port(connection->local_address, scratch);
    case Kind::kSourceIp:
      return ip(data.info != nullptr ? data.info->client() : connection->remote_address);
    case Kind::kSourcePort:
      return port(data.info != nullptr ? data.info->client() : connection->remote_address, scratch);
    case Kind::kDirectSourceIp:
      return ip(connection->direct_remote_address);
    case Kind::kSourceType:
      return same_host(*connection) ? there("local") : InputValue();
    case Kind::kServerName:
      return unless_empty(connection->requested_server_name);
    case Kind::kPeerUriSan:
    case Kind::kPeerDnsSan:
    case Kind::kPeerSubject:
      return peer(kind_, *connection, scratch);
    default:
      return {};
  }
}

std::string MatchInput::description() const {
  switch (kind_) {
    case Kind::kRequestHeader:
      return "header " + header_.text;
    case Kind::kResponseHeader:
      return "response header " + header_.text;
    case Kind::kRequestTrailer:
      return "trailer " + header_.text;
    case Kind::kResponseTrailer:
      return "response trailer " + header_.text;
    case Kind::kQueryParameter:
      return "query parameter " + name_;
    case Kind::kDestinationIp:
      return "destination IP";
    case Kind::kDestinationPort:
      return "destination port";
    case Kind::kSourceIp:
      return "source IP";
    case Kind::kSourcePort:
      return "source port";
    case Kind::kDirectSourceIp:
      return "direct source IP";
    case Kind::kSourceType:
      return "source type";
    case Kind::kServerName:
      return "server name";
    case Kind::kTransportProtocol:
      return "transport protocol";
    case Kind::kApplicationProtocol:
      return "application protocol";
    case Kind::kPeerUriSan:
      return "client's URI SAN";
    case Kind::kPeerDnsSan:
      return "client's DNS SAN";
    case Kind::kPeerSubject:
      return "client's subject";
    case Kind::kFilterState:
      return "filter state " + name_;
    case Kind::kDynamicMetadata: {
      std::string text = "metadata " + name_;
      for (const std::string& key : path_) text += "." + key;
      return text;
    }
    case Kind::kFixed:
      return name_.empty() ? "nothing" : "the fixed text " + name_;
  }
  return "";
}

}  // namespace weir::format
