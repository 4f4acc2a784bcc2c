#include "route/host_index.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"

namespace weir::route {

namespace {

size_t hash_of(std::string_view name) { return std::hash<std::string_view>()(name); }
uint16_t tag_of(size_t hash) { return static_cast<uint16_t>(hash >> 48 | 1); }  // never that of a free place

}  // namespace

std::string_view DomainTable::name_of(const Entry& entry) const {
  const char* begin = entry.name_size <= Entry::kRoom ? entry.name : long_names_.data() + entry.name_at;
  return {begin, entry.name_size};
}

size_t DomainTable::place_of(std::string_view name, size_t hash) const {
  const size_t mask = tags_.size() - 1;
  const uint16_t tag = tag_of(hash);
  size_t at = hash & mask;
  while (tags_[at] != kFree && (tags_[at] != tag || name_of(entries_[at]) != name)) at = (at + 1) & mask;
  return at;
}

void DomainTable::grow() {
  const size_t places = std::max<size_t>(tags_.size() * 2, 8);
  const std::vector<uint16_t> old_tags = std::exchange(tags_, std::vector<uint16_t>(places, kFree));
  const std::vector<Entry> old_entries = std::exchange(entries_, std::vector<Entry>(places));
  for (size_t i = 0; i < old_tags.size(); ++i) {
    if (old_tags[i] == kFree) continue;
    const size_t at = place_of(name_of(old_entries[i]), hash_of(name_of(old_entries[i])));
    tags_[at] = old_tags[i];
    entries_[at] = old_entries[i];
  }
}

bool DomainTable::add(std::string_view name, DomainTarget target) {
  if ((size_ + 1) * 4 > tags_.size() * 3) grow();
  const size_t hash = hash_of(name);
  const size_t at = place_of(name, hash);
  if (tags_[at] != kFree) return false;
  tags_[at] = tag_of(hash);
  Entry& entry = entries_[at];
  entry.first_route = target.first_route;
  entry.virtual_host = target.virtual_host;
  entry.name_size = static_cast<uint32_t>(name.size());
  if (name.size() <= Entry::kRoom) {
    std::ranges::copy(name, entry.name);
  } else {
    entry.name_at = static_cast<uint32_t>(long_names_.size());
    long_names_.append(name);
  }
  ++size_;
  return true;
}

DomainTarget DomainTable::find(std::string_view name) const {
  if (size_ == 0) return {};
  const Entry& entry = entries_[place_of(name, hash_of(name))];
  return {entry.virtual_host, entry.first_route};
}

bool HostIndex::Wildcards::add(std::string_view name, DomainTarget target) {
  if (!names.add(name, target)) return false;
  const auto place = std::ranges::lower_bound(lengths, name.size(), std::ranges::greater());
  if (place == lengths.end() || *place != name.size()) lengths.insert(place, name.size());
  return true;
}

bool HostIndex::add(std::string_view domain, DomainTarget target) {
  const std::string name = lower(domain);
  if (name == "*") {
    if (any_.found()) return false;
    any_ = target;
    return true;
  }
  only_any_ = false;
  if (name.starts_with('*')) return suffixes_.add(std::string_view(name).substr(1), target);
  if (name.ends_with('*')) return prefixes_.add(std::string_view(name).substr(0, name.size() - 1), target);
  return exact_.add(name, target);
}

DomainTarget HostIndex::find(std::string_view authority) const {
  if (only_any_) return any_;

  char small[256];
  std::string large;
  char* to = small;
  if (authority.size() > sizeof small) {  // longer than any DNS name: rare enough to pay for
    large.resize(authority.size());
    to = large.data();
  }
  std::ranges::copy(authority, to);
  lower_in_place(to, authority.size());
  const std::string_view host(to, authority.size());

  if (const DomainTarget target = exact_.find(host); target.found()) return target;
  for (size_t length : suffixes_.lengths) {
    if (length >= host.size()) continue;  // the star stands for at least one character
    if (const DomainTarget target = suffixes_.names.find(host.substr(host.size() - length)); target.found()) return target;
  }
  for (size_t length : prefixes_.lengths) {
    if (length >= host.size()) continue;
    if (const DomainTarget target = prefixes_.names.find(host.substr(0, length)); target.found()) return target;
  }
  return any_;
}

size_t port_position(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return std::string_view::npos;
  const size_t bracket = authority.rfind(']');
  return bracket == std::string_view::npos || bracket < colon ? colon : std::string_view::npos;
}

}  // namespace weir::route
