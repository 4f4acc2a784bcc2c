// The version of this build.
#pragma once

namespace weir::main {

constexpr const char* kVersion = "0.1.0";
#ifdef NDEBUG
constexpr const char* kBuildType = "RELEASE";
#else
constexpr const char* kBuildType = "DEBUG";
#endif

}  // namespace weir::main
