// How values of the runtime are read, from texts, structures and folders.
#include "control/runtime.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace weir::control {
namespace {

namespace fs = std::filesystem;

RuntimeEntries entries_of(const std::string& json) {
  google::protobuf::Struct tree;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &tree).ok());
  RuntimeEntries entries;
  config::Diagnostics diagnostics;
  EXPECT_TRUE(read_runtime_struct(tree, {}, entries, diagnostics)) << diagnostics.text();
  return entries;
}

TEST(RuntimeText, IsANumberABoolAShareOrJustText) {
  EXPECT_EQ(read_runtime_text("12").value.as_integer(), 12u);
  EXPECT_EQ(read_runtime_text("1.5").value.as_number(), 1.5);
  EXPECT_EQ(read_runtime_text("no").value.as_flag(), false);
  EXPECT_EQ(read_runtime_text("\"false\"").value.as_flag(), std::nullopt);
  EXPECT_EQ(read_runtime_text("numerator: 3\ndenominator: TEN_THOUSAND").value.as_share(), (RuntimeShare{3, 10'000}));
  EXPECT_EQ(read_runtime_text("{numerator: x}").value.as_share(), (RuntimeShare{0, 100}));
  EXPECT_EQ(read_runtime_text("{other: 3}").value.as_share(), std::nullopt);
  EXPECT_EQ(read_runtime_text("[1, 2]").value.as_number(), std::nullopt);
  EXPECT_EQ(read_runtime_text("{ not yaml").value.as_number(), std::nullopt);
  EXPECT_EQ(read_runtime_text("{ not yaml").text, "{ not yaml");
}

TEST(RuntimeStruct, TreesBecomeKeysWithDots) {
  const RuntimeEntries entries = entries_of(R"({"a": {"b": {"c": 5}, "d.e": true}, "empty": {}, "f": {"numerator": 7}})");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries.at("a.b.c").value.as_integer(), 5u);
  EXPECT_EQ(entries.at("a.d.e").value.as_flag(), true);
  EXPECT_EQ(entries.at("empty").value.as_share(), (RuntimeShare{0, 100}));
  EXPECT_EQ(entries.at("f").value.as_share(), (RuntimeShare{7, 100}));
}

TEST(RuntimeStruct, AListIsRefusedWithItsPath) {
  google::protobuf::Struct tree;
  (*(*tree.mutable_fields())["a"].mutable_struct_value()->mutable_fields())["b"].mutable_list_value();
  RuntimeEntries entries;
  config::Diagnostics diagnostics;
  const config::FieldPath layer{nullptr, "static_layer"};
  EXPECT_FALSE(read_runtime_struct(tree, layer, entries, diagnostics));
  EXPECT_NE(diagnostics.text().find("a runtime value must not be a list"), std::string::npos) << diagnostics.text();
}

class RuntimeFolder : public testing::Test {
 protected:
  RuntimeFolder() : folder_(testing::TempDir() + "runtime_folder") { fs::remove_all(folder_); }
  ~RuntimeFolder() override { fs::remove_all(folder_); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(folder_ + "/" + path).parent_path());
    std::ofstream(folder_ + "/" + path) << text;
  }
  const std::string folder_;
  RuntimeEntries entries_;
};

TEST_F(RuntimeFolder, EachFileIsAValueAndItsPathTheKey) {
  write("a/b/c", "# why it is so\n42\n");
  write("text", "hello \n");
  ASSERT_TRUE(read_runtime_folder(folder_, entries_));
  ASSERT_EQ(entries_.size(), 2u);
  EXPECT_EQ(entries_["a.b.c"].value.as_integer(), 42u);
  EXPECT_EQ(entries_["text"].text, "hello");
}

TEST_F(RuntimeFolder, ThatIsNestedTooDeeplyOrTooLargeIsRefused) {
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "d/";
  write(deep + "x", "1");
  EXPECT_FALSE(read_runtime_folder(folder_, entries_));
  fs::remove_all(folder_);
  write("large", std::string(kMaxRuntimeFileBytes + 1, 'x'));
  const Result<> read = read_runtime_folder(folder_, entries_);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("larger than 1 MiB"), std::string::npos);
}

}  // namespace
}  // namespace weir::control
