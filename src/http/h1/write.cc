#include "http/h1/write.h"

#include <array>
#include <charconv>

#include "base/text.h"

namespace weir::http::h1 {

namespace {

/// How the names of a head are written: as they came, with capitals, or in lower case.
class NameStyle {
 public:
  NameStyle(const HeaderMap& headers, bool proper_case)
      : spelling_(headers.spelling()), proper_case_(spelling_ != nullptr ? spelling_->proper_case_for_others : proper_case) {}

  /// To a name in lower case.
  void apply(char* name, size_t size) const {
    if (spelling_ != nullptr) [[unlikely]] {
      if (const std::string_view kept = spelling_->of({name, size}); kept.data() != nullptr) {
        put(name, kept);
        return;
      }
    }
    if (proper_case_) capitalise(name, size);
  }
  /// The reason that came with a response; "" for the usual one.
  std::string_view reason() const { return spelling_ != nullptr ? spelling_->reason : std::string_view(); }

 private:
  /// "content-type" becomes "Content-Type" (header_key_format.proper_case_words).
  static void capitalise(char* name, size_t size) {
    bool start = true;
    for (size_t i = 0; i < size; ++i) {
      if (start && name[i] >= 'a' && name[i] <= 'z') name[i] = static_cast<char>(name[i] - 32);
      start = !(is_digit(name[i]) || (to_lower(name[i]) >= 'a' && to_lower(name[i]) <= 'z'));
    }
  }

  const Spelling* spelling_;
  bool proper_case_;
};

/// Writes into memory that was reserved to be large enough.
class Pen {
 public:
  explicit Pen(char* at) : begin_(at), at_(at) {}
  void text(std::string_view text) { at_ = put(at_, text); }
  void line(const Header& header, const NameStyle& style) {
    char* name = at_;
    text(header.name);
    style.apply(name, header.name.size());
    *at_++ = ':';
    *at_++ = ' ';
    text(header.value);
    *at_++ = '\r';
    *at_++ = '\n';
  }
  /// A whole line of ours, or nothing.
  void made_line(std::string_view line, const NameStyle& style) {
    char* name = at_;
    text(line);
    if (!line.empty()) style.apply(name, line.find(':'));
  }
  size_t size() const { return at_ - begin_; }

 private:
  char* begin_;
  char* at_;
};

constexpr size_t kLineOverhead = 4;  // ": " and CRLF

size_t lines_size(const HeaderMap& headers) {
  size_t size = 0;
  for (const Header& line : headers) size += line.name.size() + line.value.size() + kLineOverhead;
  return size;
}

/// Lets `write(Pen&)` write at most `size` bytes: straight into the queue if they fit a block, else by way of a string.
template <class F>
size_t write_reserved(ByteQueue& out, size_t size, F&& write) {
  if (size <= Block::kCapacity) [[likely]] {
    Pen pen(out.reserve(size));
    write(pen);
    out.commit(pen.size());
    return pen.size();
  }
  std::string large(size, '\0');
  Pen pen(large.data());
  write(pen);
  out.append(std::string_view(large).substr(0, pen.size()));
  return pen.size();
}

struct Phrase {
  int status;
  std::string_view text;
};
constexpr auto kPhrases = std::to_array<Phrase>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
    {599, "Last Unassigned Server Error Code"},
});

}  // namespace

std::string_view reason_phrase(int status) {
  if (status == 200) return "OK";
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Unknown";
}

Written write_request_head(ByteQueue& out, const HeaderMap& headers, std::string_view framing_line, bool proper_case,
                           bool absolute) {
  const std::string_view method = headers.method();
  const std::string_view authority = headers.authority();
  const bool connect = method == "CONNECT" && headers.protocol().empty();
  const std::string_view target = connect ? authority : headers.path();
  constexpr size_t kFixed = 14;  // " ", " HTTP/1.1" CRLF, and the empty line
  const std::string_view scheme = absolute && !connect ? headers.scheme() : std::string_view();
  const size_t prefix = scheme.empty() ? 0 : scheme.size() + 3 + authority.size();
  const size_t bound = method.size() + prefix + target.size() + authority.size() + framing_line.size() + 32 + lines_size(headers);
  const NameStyle style(headers, proper_case);
  const size_t all = write_reserved(out, bound, [&](Pen& pen) {
    pen.text(method);
    pen.text(" ");
    if (prefix != 0) {
      pen.text(scheme);
      pen.text("://");
      pen.text(authority);
    }
    pen.text(target);
    pen.text(" HTTP/1.1\r\n");
    if (headers.has_pseudo(HeaderId::kAuthority)) pen.line({"host", authority, HeaderId::kHost}, style);
    for (const Header& line : headers) pen.line(line, style);
    pen.made_line(framing_line, style);
    pen.text("\r\n");
  });
  return {all, all - method.size() - prefix - target.size() - kFixed};
}

Written write_response_head(ByteQueue& out, const HeaderMap& headers, Protocol version, std::string_view connection_line,
                            std::string_view framing_line, bool proper_case) {
  const NameStyle style(headers, proper_case);
  const std::string_view reason = style.reason().empty() ? reason_phrase(headers.status()) : style.reason();
  const size_t bound = 32 + reason.size() + connection_line.size() + framing_line.size() + lines_size(headers);
  const size_t first_line = 12 + headers.status_text().size() + reason.size();
  const size_t all = write_reserved(out, bound, [&](Pen& pen) {
    pen.text(version == Protocol::kHttp10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    pen.text(headers.status_text());
    pen.text(" ");
    pen.text(reason);
    pen.text("\r\n");
    for (const Header& line : headers) pen.line(line, style);
    pen.made_line(connection_line, style);
    pen.made_line(framing_line, style);
    pen.text("\r\n");
  });
  return {all, all - first_line - 2};
}

Written write_trailers(ByteQueue& out, const HeaderMap& trailers) {
  const NameStyle style(trailers, false);
  const size_t all = write_reserved(out, 8 + lines_size(trailers), [&](Pen& pen) {
    pen.text("0\r\n");
    for (const Header& line : trailers) pen.line(line, style);
    pen.text("\r\n");
  });
  return {all, all - 5};
}

size_t write_body(net::ByteStream& connection, std::string_view bytes, Framing framing) {
  if (bytes.empty()) return 0;
  if (framing != Framing::kChunked) {
    connection.write(bytes);
    return bytes.size();
  }
  char size_line[20];
  char* end = std::to_chars(size_line, size_line + 16, bytes.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  connection.out().append({size_line, static_cast<size_t>(end - size_line)});
  connection.write(bytes);
  connection.out().append("\r\n");
  connection.want_flush();
  return static_cast<size_t>(end - size_line) + bytes.size() + 2;
}

}  // namespace weir::http::h1
