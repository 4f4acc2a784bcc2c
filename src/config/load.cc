// Load: read, decode, merge, validate, and give every finding its place.
#include "config/load.h"

#include <fcntl.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "base/result.h"
#include "base/text.h"
#include "config/unwrap.h"
#include "config/validate.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"

namespace weir::config {

namespace pb = google::protobuf;

namespace {

enum class Format : uint8_t { kYaml, kJson, kBinary, kText };

// By the file's extension, like Envoy. A file with any other is JSON if it looks like it (as for Envoy), else YAML.
Format format_of(std::string_view path, std::string_view content) {
  if (path.ends_with(".json")) return Format::kJson;
  if (path.ends_with(".yaml") || path.ends_with(".yml")) return Format::kYaml;
  if (path.ends_with(".pb")) return Format::kBinary;
  if (path.ends_with(".pb_text")) return Format::kText;
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && content[first] == '{' ? Format::kJson : Format::kYaml;
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure("cannot open: " + std::string(std::strerror(errno)) + "; give the path of an existing file");
  struct stat status {};
  std::string content;
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    content.reserve(std::min<size_t>(static_cast<size_t>(status.st_size), limit) + 1);
  }
  int error = 0;
  while (content.size() <= limit) {
    const size_t before = content.size();
    const size_t piece = std::max<size_t>(content.capacity() - before, 4096);
    content.resize(before + piece);
    const ssize_t count = ::read(fd, content.data() + before, piece);
    content.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = errno;
    if (count <= 0) break;
  }
  ::close(fd);
  if (error != 0) return failure("cannot read: " + std::string(std::strerror(error)));
  if (content.size() > limit) return failure("larger than " + std::to_string(limit >> 20) + " MiB");
  return content;
}

class TextErrors : public pb::io::ErrorCollector {
 public:
  TextErrors(const std::string& file, Diagnostics& diagnostics) : file_(file), diagnostics_(diagnostics) {}
  void AddError(int line, int column, const std::string& message) override {
    diagnostics_.error({{file_, static_cast<uint32_t>(line + 1), static_cast<uint32_t>(column + 1)}, "", message, ""});
  }

 private:
  const std::string& file_;
  Diagnostics& diagnostics_;
};

class Load {
 public:
  Load(Schema& schema, const LoadOptions& options, pb::Message& message, Diagnostics& diagnostics, Positions& positions)
      : schema_(schema), options_(options), message_(message), diagnostics_(diagnostics), positions_(positions) {}

  void run() {
    if (options_.path.empty() && options_.yaml.empty()) {
      return diagnostics_.error({{}, "", "no configuration given", "name a file with -c or give text with --config-yaml"});
    }
    bool read = true;
    if (!options_.path.empty()) read = file() && read;
    if (!options_.yaml.empty()) read = tree("--config-yaml", options_.yaml, Format::kYaml) && read;
    if (read) check();
    in_file_order(diagnostics_.errors());
    in_file_order(diagnostics_.warnings());
  }

 private:
  bool file() {
    const ReadLimits limits;
    Result<std::string> content = read_file(options_.path, limits.bytes);
    if (!content) {
      diagnostics_.error({{options_.path, 0, 0}, "", content.error().message, ""});
      return false;
    }
    const Format format = format_of(options_.path, *content);
    merging_ = format == Format::kBinary || format == Format::kText;
    switch (format) {
      case Format::kYaml:
      case Format::kJson:
        return tree(options_.path, std::move(*content), format);
      case Format::kBinary:
        if (!message_.ParsePartialFromString(*content)) {
          diagnostics_.error({{options_.path, 0, 0}, "", "not a binary " + message_.GetDescriptor()->full_name(), ""});
          return false;
        }
        break;
      case Format::kText: {
        pb::TextFormat::Parser parser;
        TextErrors errors(options_.path, diagnostics_);
        parser.RecordErrorsTo(&errors);
        parser.SetRecursionLimit(static_cast<int>(limits.depth));
        if (!parser.ParseFromString(*content, &message_)) return false;
        break;
      }
    }
    unwrap(schema_, message_, options_.unknown_fields, diagnostics_);
    return true;
  }

  // A second source is decoded by itself and merged, for what it sets inside a oneof replaces what the first did.
  bool tree(const std::string& name, std::string content, Format format) {
    const std::shared_ptr<Document> document = format == Format::kJson ? read_json(name, std::move(content), diagnostics_)
                                                                       : read_yaml(name, std::move(content), diagnostics_);
    if (document == nullptr) return false;
    positions_.add(document);
    if (!merging_) {
      merging_ = true;
      decode(schema_, *document, document->root, message_, options_.unknown_fields, diagnostics_);
    } else {
      const std::unique_ptr<pb::Message> second(message_.New());
      decode(schema_, *document, document->root, *second, options_.unknown_fields, diagnostics_);
      message_.MergeFrom(*second);
    }
    return true;
  }

  void check() {
    const size_t decoded = diagnostics_.errors().size();
    Diagnostics found;
    validate_message(schema_, message_, found);
    if (options_.support != nullptr) check_support(schema_, *options_.support, message_, found);
    for (Diagnostic& error : found.errors()) {
      if (follows_from_earlier(error, decoded)) continue;
      positions_.locate(error);
      diagnostics_.error(std::move(error));
    }
    for (Diagnostic& warning : found.warnings()) {
      positions_.locate(warning);
      diagnostics_.warning(std::move(warning));
    }
  }

  static void in_file_order(std::vector<Diagnostic>& list) {
    std::stable_sort(list.begin(), list.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
  }

  // What could not be decoded is missing, which is no second mistake.
  bool follows_from_earlier(const Diagnostic& violation, size_t decoded) const {
    for (size_t i = 0; i < decoded; ++i) {
      const std::string& path = diagnostics_.errors()[i].path;
      const std::string_view around = std::string_view(path).substr(0, path.rfind('.') + 1);
      if (violation.path.starts_with(path)) return true;
      if (violation.path.starts_with(around) && violation.path.find('.', around.size()) == std::string::npos) return true;
    }
    return false;
  }

  Schema& schema_;
  const LoadOptions& options_;
  pb::Message& message_;
  Diagnostics& diagnostics_;
  Positions& positions_;
  bool merging_ = false;  // whether the message already holds something
};

}  // namespace

void load_into(Schema& schema, const LoadOptions& options, pb::Message& message, Diagnostics& diagnostics, Positions& positions) {
  Load(schema, options, message, diagnostics, positions).run();
}

void check_resource(Schema& schema, UnknownFields unknown_fields, const SupportTable* support, pb::Message& message,
                    Diagnostics& diagnostics) {
  unwrap(schema, message, unknown_fields, diagnostics);
  validate_message(schema, message, diagnostics);
  if (support != nullptr) check_support(schema, *support, message, diagnostics);
}

std::unique_ptr<pb::Arena> make_arena() {
  pb::ArenaOptions options;
  options.start_block_size = 16 << 10;
  options.max_block_size = 1 << 20;
  return std::make_unique<pb::Arena>(options);
}

Loaded<envoy::config::bootstrap::v3::Bootstrap> load_bootstrap(Schema& schema, const LoadOptions& options) {
  return load<envoy::config::bootstrap::v3::Bootstrap>(schema, options);
}

}  // namespace weir::config
