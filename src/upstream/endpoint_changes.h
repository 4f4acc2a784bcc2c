// What differs between two sets of endpoints, so that nobody has to look up those that stayed.
#pragma once

#include <algorithm>
#include <vector>

#include "upstream/endpoint.h"

namespace weir::upstream {

using EndpointList = std::vector<EndpointPtr>;

/// Walks through both lists at once. What stands at about the same place of both is matched(i, j); of the others it is
/// before_only(i) and after_only(j), though they may be in the other list, too, far away.
template <class Matched, class BeforeOnly, class AfterOnly>
void walk_both(const EndpointList& before, const EndpointList& after, Matched&& matched, BeforeOnly&& before_only,
               AfterOnly&& after_only) {
  constexpr size_t kNear = 16;
  const auto distance = [](const EndpointList& list, size_t from, const EndpointPtr& wanted) {
    const size_t end = std::min(list.size(), from + kNear);
    size_t at = from;
    while (at < end && list[at] != wanted) ++at;
    return at < end ? at - from : kNear;
  };
  size_t i = 0, j = 0;
  while (i < before.size() && j < after.size()) {
    if (before[i] == after[j]) [[likely]] {
      matched(i++, j++);
      continue;
    }
    const size_t removed = distance(before, i, after[j]), added = distance(after, j, before[i]);
    if (removed == kNear && added == kNear) {
      before_only(i++);
      after_only(j++);
    } else if (removed <= added) {
      for (size_t n = removed; n > 0; --n) before_only(i++);
    } else {
      for (size_t n = added; n > 0; --n) after_only(j++);
    }
  }
  while (i < before.size()) before_only(i++);
  while (j < after.size()) after_only(j++);
}

struct EndpointChanges {
  EndpointList gone;   // descriptions that are not there any more
  EndpointList fresh;  // that were not there before
  bool moved = false;  // whether some stand elsewhere, compared with the others
  bool empty() const { return gone.empty() && fresh.empty(); }
};

/// Wherever in the lists something stands.
EndpointChanges changes(const EndpointList& before, const EndpointList& after);

}  // namespace weir::upstream
