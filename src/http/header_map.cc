#include "http/header_map.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.h"

namespace weir::http {

namespace {
constexpr uint32_t kFirstCapacity = 24;
// :method, :path, :authority, :scheme, :protocol, :status
constexpr uint8_t kPseudoNameSizes[kPseudoHeaderCount] = {7, 5, 10, 7, 9, 7};
}  // namespace

void HeaderMap::set_status(int status) {
  status_ = status;
  char* digits = arena_.allocate_chars(3);
  const auto [end, error] = std::to_chars(digits, digits + 3, status);
  pseudo_[index(HeaderId::kStatus)] = {digits, static_cast<size_t>(end - digits)};
}

void HeaderMap::set_pseudo(HeaderId id, std::string_view value) {
  if (value.data() == nullptr) value = "";
  pseudo_[index(id)] = value;
  if (id == HeaderId::kStatus) status_ = parse_number<int>(value).value_or(0);
}

void HeaderMap::grow() {
  const uint32_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  Header* lines = arena_.allocate_array<Header>(capacity);
  if (count_ != 0) std::memcpy(static_cast<void*>(lines), lines_, count_ * sizeof(Header));
  lines_ = lines;
  capacity_ = capacity;
}

const Header* HeaderMap::find(std::string_view name) const {
  const HeaderId id = header_id(name);
  return id == HeaderId::kOther ? find_other(name) : find(id);
}

std::string_view HeaderMap::get_joined(std::string_view name) const {
  const HeaderId id = header_id(name);
  if (is_pseudo(id)) return pseudo(id);
  if (id == HeaderId::kHost) return authority();
  if (id != HeaderId::kOther && !may_have(id)) return {};

  std::string_view joined;
  bool found = false;
  for (const Header& line : *this) {
    if (line.id != id || (id == HeaderId::kOther && line.name != name)) continue;
    joined = found ? arena_.join(joined, ",", line.value) : line.value;
    found = true;
  }
  if (found && joined.data() == nullptr) joined = "";
  return joined;
}

void HeaderMap::set(HeaderId id, std::string_view value) {
  if (const Header* line = find(id)) {
    Header* first = lines_ + (line - lines_);
    first->value = value;
    size_t kept = (first - lines_) + 1;
    while (kept < count_ && lines_[kept].id != id) ++kept;  // mostly to the end: there is one line of each name
    for (size_t i = kept; i < count_; ++i) {
      if (lines_[i].id != id) lines_[kept++] = lines_[i];
    }
    count_ = static_cast<uint32_t>(kept);
    return;
  }
  add(id, value);
}

void HeaderMap::set(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  if (id != HeaderId::kOther) {
    set(id, value);
    return;
  }
  if (find(name) == nullptr) {
    add({name, value, id});
    return;
  }
  bool first = true;
  for (size_t i = 0; i < count_; ++i) {
    if (lines_[i].id == id && lines_[i].name == name) {
      lines_[i].value = value;
      break;
    }
  }
  remove_if([&](const Header& line) {
    if (line.id != id || line.name != name) return false;
    return !std::exchange(first, false);
  });
}

size_t HeaderMap::remove_lines(HeaderId id) {
  return remove_if([id](const Header& line) { return line.id == id; });
}

size_t HeaderMap::remove(std::string_view name) {
  const HeaderId id = header_id(name);
  if (id != HeaderId::kOther) return remove(id);
  return remove_if([&](const Header& line) { return line.id == id && line.name == name; });
}

size_t HeaderMap::byte_size() const {
  size_t size = 0;
  for (size_t i = 0; i < kPseudoHeaderCount; ++i) {
    if (pseudo_[i].data() != nullptr) size += pseudo_[i].size() + kPseudoNameSizes[i];
  }
  for (const Header& line : *this) size += line.name.size() + line.value.size();
  return size;
}

void HeaderMap::clear() {
  std::fill(std::begin(pseudo_), std::end(pseudo_), std::string_view());
  status_ = 0;
  count_ = capacity_ = 0;
  lines_ = nullptr;
  seen_ = 0;
  spelling_ = nullptr;
}

std::string_view Spelling::of(std::string_view lower_case_name) const {
  for (size_t i = 0; i < count; ++i) {
    if (iequals(names[i], lower_case_name)) return names[i];
  }
  return {};
}

bool is_grpc(const HeaderMap& headers) {
  const std::string_view type = headers.get(HeaderId::kContentType);
  constexpr std::string_view kGrpc = "application/grpc";
  if (!type.starts_with(kGrpc)) return false;
  return type.size() == kGrpc.size() || type[kGrpc.size()] == '+' || type[kGrpc.size()] == ';';
}

std::string_view missing_pseudo_header(const HeaderMap& request) {
  const bool has_path = request.has_pseudo(HeaderId::kPath);
  if (!request.has_pseudo(HeaderId::kMethod)) return ":method";
  if (request.method() != "CONNECT") return has_path ? "" : ":path";
  if (!request.has_pseudo(HeaderId::kAuthority)) return ":authority";
  if (has_path == request.has_pseudo(HeaderId::kProtocol)) return "";
  return has_path ? ":protocol" : ":path";
}

}  // namespace weir::http
