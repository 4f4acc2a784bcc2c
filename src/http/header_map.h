// HeaderMap: the header section of one message, as slices of memory that lives in the request's arena.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "http/header_id.h"

namespace weir::http {

/// One header line. The name is in lower case.
struct Header {
  std::string_view name;
  std::string_view value;
  HeaderId id;
};

/// How a message's sender wrote what HeaderMap keeps in another way, for those who forward it as it came (preserve_case).
struct Spelling {
  const std::string_view* names = nullptr;  // that are not all in lower case
  size_t count = 0;
  bool proper_case_for_others = false;
  std::string_view reason;  // of a response; "": the usual one

  /// As the sender wrote it; null data() if he did not, or wrote it in lower case.
  std::string_view of(std::string_view lower_case_name) const;
};

/// Pseudo-headers in their own places, all other lines in the order in which they came. HTTP/1's Host becomes :authority.
/// Text handed in must live as long as the arena (use arena().copy() for what does not).
class HeaderMap {
 public:
  explicit HeaderMap(Arena& arena) : arena_(arena) {}
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  Arena& arena() const { return arena_; }

  // --- pseudo-headers ---
  std::string_view method() const { return pseudo(HeaderId::kMethod); }
  std::string_view path() const { return pseudo(HeaderId::kPath); }
  std::string_view authority() const { return pseudo(HeaderId::kAuthority); }
  std::string_view scheme() const { return pseudo(HeaderId::kScheme); }
  std::string_view protocol() const { return pseudo(HeaderId::kProtocol); }
  std::string_view status_text() const { return pseudo(HeaderId::kStatus); }
  /// 0 if there is none.
  int status() const { return status_; }
  void set_status(int status);
  std::string_view pseudo(HeaderId id) const { return pseudo_[index(id)]; }
  void set_pseudo(HeaderId id, std::string_view value);
  bool has_pseudo(HeaderId id) const { return pseudo_[index(id)].data() != nullptr; }
  void remove_pseudo(HeaderId id) {
    pseudo_[index(id)] = {};
    if (id == HeaderId::kStatus) status_ = 0;
  }

  // --- lines ---
  const Header* begin() const { return lines_; }
  const Header* end() const { return lines_ + count_; }
  size_t size() const { return count_; }

  void add(HeaderId id, std::string_view value) { append({header_name(id), value, id}); }
  /// `name` in lower case.
  void add(std::string_view name, std::string_view value) { append({name, value, header_id(name)}); }
  void add(const Header& header) { append(header); }

  /// The first line with that name; null if there is none. For pseudo-headers use pseudo().
  const Header* find(HeaderId id) const {
    if (!may_have(id)) return nullptr;
    for (const Header& line : *this) {
      if (line.id == id) return &line;
    }
    return nullptr;
  }
  const Header* find(std::string_view lower_case_name) const;
  /// The same for a name that has no HeaderId of its own.
  const Header* find_other(std::string_view lower_case_name) const {
    if (!may_have(HeaderId::kOther)) return nullptr;
    for (const Header& line : *this) {
      if (line.id == HeaderId::kOther && line.name == lower_case_name) return &line;
    }
    return nullptr;
  }
  bool has(HeaderId id) const { return find(id) != nullptr; }
  /// The first value, "" if there is none.
  std::string_view get(HeaderId id) const {
    const Header* line = find(id);
    return line == nullptr ? std::string_view() : line->value;
  }
  /// Any header by its name, pseudo-headers and "host" included. Repeated lines are joined with "," (in the arena).
  /// The data() of the answer is null if there is no such header.
  std::string_view get_joined(std::string_view lower_case_name) const;

  /// Replaces the first line's value and removes the others, or adds a line.
  void set(HeaderId id, std::string_view value);
  void set(std::string_view lower_case_name, std::string_view value);
  /// Returns how many lines went.
  size_t remove(HeaderId id) { return may_have(id) ? remove_lines(id) : 0; }
  size_t remove(std::string_view lower_case_name);
  /// Removes every line for which `unwanted(const Header&)` holds.
  template <class F>
  size_t remove_if(F&& unwanted) {
    size_t kept = 0;
    while (kept < count_ && !unwanted(lines_[kept])) ++kept;
    for (size_t i = kept + 1; i < count_; ++i) {
      if (!unwanted(lines_[i])) lines_[kept++] = lines_[i];
    }
    const size_t removed = count_ - kept;
    count_ = static_cast<uint32_t>(kept);
    return removed;
  }

  /// Null for a message whose spelling is not kept.
  const Spelling* spelling() const { return spelling_; }
  void keep(const Spelling* spelling) { spelling_ = spelling; }

  /// Names and values together, in bytes (what max_request_headers_kb counts).
  size_t byte_size() const;
  bool empty() const { return count_ == 0; }
  void clear();

 private:
  static size_t index(HeaderId id) { return static_cast<size_t>(id) - static_cast<size_t>(HeaderId::kMethod); }
  static uint64_t bit(HeaderId id) { return uint64_t{1} << (static_cast<size_t>(id) % 64); }
  /// False means surely not; there may be a mistake in the other direction.
  bool may_have(HeaderId id) const { return (seen_ & bit(id)) != 0; }
  void append(const Header& header) {
    if (count_ == capacity_) [[unlikely]]
      grow();
    lines_[count_++] = header;
    seen_ |= bit(header.id);
  }
  void grow();
  size_t remove_lines(HeaderId id);

  Arena& arena_;
  std::string_view pseudo_[kPseudoHeaderCount];
  int status_ = 0;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;
  Header* lines_ = nullptr;
  uint64_t seen_ = 0;
  const Spelling* spelling_ = nullptr;
};

/// Whether the content-type is that of gRPC: "application/grpc", alone or followed by '+' or ';' (gRPC over HTTP/2, Requests).
bool is_grpc(const HeaderMap& headers);

/// What a request lacks that it cannot be sent without, "" if nothing. A CONNECT has a path only together with a :protocol
/// (RFC 9113 section 8.3.1, RFC 8441 section 4).
std::string_view missing_pseudo_header(const HeaderMap& request);

}  // namespace weir::http
