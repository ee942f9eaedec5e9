#include "daemon/outputs/label_text.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(LabelText, IsCleanAndBounded) {
  EXPECT_EQ(clean_label_value("key_1"), "key_1");
  EXPECT_EQ(clean_label_value("a\nb"), "a\\u000ab");
  EXPECT_EQ(clean_label_value("a\xFF"), "a\xEF\xBF\xBD");
  EXPECT_EQ(clean_label_value(std::string(5000, 'x')).size(), kLabelBytesMax);
  EXPECT_EQ(clean_label_value("\xC3\xBC\xC3\xBC", 3), "\xC3\xBC");
}

TEST(LabelText, KnowsLabelNames) {
  for (const char* name : {"a", "_a", "key_id2", "A9"}) EXPECT_TRUE(is_label_name(name)) << name;
  for (const char* name : {"", "__name__", "9a", "a-b", "a b", "\xC3\xBC", "a\n"}) {
    EXPECT_FALSE(is_label_name(name)) << name;
  }
}

}  // namespace
}  // namespace picket
