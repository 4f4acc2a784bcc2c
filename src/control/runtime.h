// Runtime: the layers of layered_runtime, and the values that come of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "control/context.h"
#include "control/file_watch.h"
#include "control/subscription.h"
#include "stats/cell.h"
#include "stats/registry.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
class RuntimeLayer;
}  // namespace envoy::config::bootstrap::v3
namespace google::protobuf {
class Struct;
}

namespace weir::control {

/// One value of one layer: as it was written, and as it is read.
struct RuntimeEntry {
  std::string text;
  RuntimeValue value;
};
using RuntimeEntries = std::map<std::string, RuntimeEntry, std::less<>>;

/// A value as a file of a disk layer or /runtime_modify gives it: YAML, or any text.
RuntimeEntry read_runtime_text(std::string text);
/// Adds what a static layer or RTDS holds; trees become keys with dots. False after reporting an error.
bool read_runtime_struct(const google::protobuf::Struct& layer, const config::FieldPath& at, RuntimeEntries& entries,
                         config::Diagnostics& diagnostics);
/// Adds the files below `folder`: each is one value, its path with dots is the key. An error says why it cannot be read.
Result<> read_runtime_folder(const std::string& folder, RuntimeEntries& entries);

struct RuntimeStats {
  stats::Counter deprecated_feature_use, load_error, load_success, override_dir_exists, override_dir_not_exists;
  stats::Gauge admin_overrides_active, deprecated_feature_seen_since_process_start, num_keys, num_layers;
};

class Runtime {
 public:
  Runtime(const Context& context, FileWatch& files);

  /// Reads the static layers and the folders, and checks the sources of RTDS.
  bool load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics);
  /// From now on folders are read again when their link is replaced; the files of RTDS are read.
  void start();

  /// Sets values in the admin layer; "" removes one. An error if there is no such layer.
  Result<> modify(const std::vector<std::pair<std::string, std::string>>& changes);

  /// The layers that were read, in order; each with its entries.
  struct View {
    std::string name;
    const RuntimeEntries* entries;
  };
  std::vector<View> layers() const;

 private:
  enum class Kind : uint8_t { kStatic, kDisk, kAdmin, kRtds };
  struct Layer {
    std::string name;
    Kind kind = Kind::kStatic;
    RuntimeEntries entries;
    bool present = true;  // a folder that does not exist is no layer

    // kDisk
    std::string link, folder;
    bool is_override = false;  // the folder is that of a service cluster
    FileWatch::Handle watch;

    // kRtds
    std::string resource;
    std::unique_ptr<FileSubscription> subscription;
  };

  bool read(const envoy::config::bootstrap::v3::RuntimeLayer& config, const config::FieldPath& at,
            config::Diagnostics& diagnostics);
  void on_rtds(Layer& layer, const Update& update, config::Diagnostics& diagnostics);
  void reload();
  void warn_of_switches() const;

  const Context& context_;
  FileWatch& files_;
  RuntimeStats stats_;
  SubscriptionStats rtds_stats_;  // of all RTDS layers
  std::vector<stats::Registry::Registration> registrations_;
  std::vector<std::unique_ptr<Layer>> layers_;
};

/// Declares LayeredRuntime and what stands in it.
void declare_runtime(config::SupportTable& table);

/// The bounds of a disk layer: files, their size, and how deep folders may be.
constexpr size_t kMaxRuntimeFiles = 100'000;
constexpr size_t kMaxRuntimeFileBytes = 1 << 20;
constexpr int kMaxRuntimeDepth = 16;

}  // namespace weir::control
