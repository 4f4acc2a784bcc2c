// Moved: see upstream/stat_names.h.
#pragma once

#include "upstream/stat_names.h"
