#include "http/h2/metadata.h"

#include <nghttp2/nghttp2.h>

#include <memory>
#include <unordered_set>

#include "base/check.h"

namespace weir::http::h2 {

namespace {

struct HpackDeleter {
  void operator()(nghttp2_hd_inflater* at) const { nghttp2_hd_inflate_del(at); }
  void operator()(nghttp2_hd_deflater* at) const { nghttp2_hd_deflate_del(at); }
};

struct Field {
  std::string name, value;
};

/// False if the block breaks a rule of RFC 7541, or unfolds to too much.
bool read_fields(std::string_view block, std::vector<Field>& fields) {
  nghttp2_hd_inflater* made = nullptr;
  CHECK(nghttp2_hd_inflate_new(&made) == 0);
  const std::unique_ptr<nghttp2_hd_inflater, HpackDeleter> inflater(made);
  std::unordered_set<std::string> seen;
  size_t unfolded = 0;
  while (true) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t taken =
        nghttp2_hd_inflate_hd2(made, &field, &flags, reinterpret_cast<const uint8_t*>(block.data()), block.size(), 1);
    if (taken < 0) return false;
    block.remove_prefix(static_cast<size_t>(taken));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      unfolded += field.namelen + field.valuelen;
      if (unfolded > kMostUnfolded) return false;
      std::string name(reinterpret_cast<const char*>(field.name), field.namelen);
      if (seen.insert(name).second) {
        fields.push_back({std::move(name), std::string(reinterpret_cast<const char*>(field.value), field.valuelen)});
      }
    } else if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      return true;
    } else if (taken == 0) {
      return false;  // it ends within a field
    }
  }
}

}  // namespace

std::optional<std::string> normalise_metadata(std::string_view block) {
  std::vector<Field> fields;
  if (!read_fields(block, fields)) return std::nullopt;
  if (fields.empty()) return std::string();
  std::vector<nghttp2_nv> list;
  list.reserve(fields.size());
  for (Field& field : fields) {
    list.push_back({reinterpret_cast<uint8_t*>(field.name.data()), reinterpret_cast<uint8_t*>(field.value.data()),
                    field.name.size(), field.value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_hd_deflater* made = nullptr;
  CHECK(nghttp2_hd_deflate_new(&made, 0) == 0);
  const std::unique_ptr<nghttp2_hd_deflater, HpackDeleter> deflater(made);
  std::string result(nghttp2_hd_deflate_bound(made, list.data(), list.size()), '\0');
  const ssize_t size =
      nghttp2_hd_deflate_hd(made, reinterpret_cast<uint8_t*>(result.data()), result.size(), list.data(), list.size());
  CHECK(size >= 0);
  result.resize(static_cast<size_t>(size));
  constexpr char kTableOfNoSize = 0x20;  // who reads it expects no table anyway
  if (!result.empty() && result.front() == kTableOfNoSize) result.erase(0, 1);
  return result;
}

}  // namespace weir::http::h2
