#include "upstream/endpoint_changes.h"

#include <unordered_map>

namespace weir::upstream {

EndpointChanges changes(const EndpointList& before, const EndpointList& after) {
  EndpointChanges result;
  walk_both(
      before, after, [](size_t, size_t) {}, [&](size_t i) { result.gone.push_back(before[i]); },
      [&](size_t j) { result.fresh.push_back(after[j]); });
  if (result.empty()) return result;
  // What only moved is neither gone nor fresh.
  std::unordered_map<const Endpoint*, size_t> moved;
  for (const EndpointPtr& endpoint : result.gone) ++moved[endpoint.get()];
  std::unordered_map<const Endpoint*, size_t> both;
  std::erase_if(result.fresh, [&](const EndpointPtr& endpoint) {
    const auto found = moved.find(endpoint.get());
    if (found == moved.end() || found->second == 0) return false;
    --found->second;
    ++both[endpoint.get()];
    return true;
  });
  std::erase_if(result.gone, [&](const EndpointPtr& endpoint) {
    const auto found = both.find(endpoint.get());
    if (found == both.end() || found->second == 0) return false;
    --found->second;
    return true;
  });
  result.moved = !both.empty();
  return result;
}

}  // namespace weir::upstream
