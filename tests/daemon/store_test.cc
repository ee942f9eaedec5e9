#include "daemon/store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace picket {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("picket_store_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ / "state.db";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<Store> open() const {
    auto store = Store::open(path_);
    EXPECT_TRUE(store) << (store ? "" : store.error()[0].message);
    return store ? std::move(*store) : nullptr;
  }
  // Runs SQL on the file behind the store's back.
  void sql(const std::string& text) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  fs::path folder_;
  std::string path_;
};

std::vector<std::string> shown(Store& store, StateKind kind) {
  std::vector<std::string> rows;
  for (const StateChange& row : store.load(kind)) rows.push_back(row.key + "=" + row.value);
  return rows;
}

using Rows = std::vector<std::string>;

TEST_F(StoreTest, RoundTripEraseAndKindsApart) {
  const std::string binary("\0\xff\n", 3);
  {
    auto store = open();
    EXPECT_EQ(store->notice(), "");
    EXPECT_FALSE(store->commit({{StateKind::Checkpoint, "b", "1"},
                                {StateKind::Checkpoint, "a", ""},
                                {StateKind::Group, binary, binary},
                                {StateKind::Alert, "a", "alert"},
                                {StateKind::Meta, "", "empty key"}}));
    EXPECT_FALSE(store->commit({}));
  }
  auto store = open();
  EXPECT_EQ(shown(*store, StateKind::Checkpoint), (Rows{"a=", "b=1"}));
  EXPECT_EQ(shown(*store, StateKind::Group), (Rows{binary + "=" + binary}));
  EXPECT_EQ(shown(*store, StateKind::Meta), (Rows{"=empty key"}));
  EXPECT_FALSE(store->commit({{StateKind::Checkpoint, "b", "2"},
                              {StateKind::Checkpoint, "a", {}, true},
                              {StateKind::Alert, "absent", {}, true},
                              {StateKind::Group, "x", "1"},
                              {StateKind::Group, "x", {}, true}}));
  EXPECT_EQ(shown(*store, StateKind::Checkpoint), (Rows{"b=2"}));
  EXPECT_EQ(shown(*store, StateKind::Alert), (Rows{"a=alert"}));
  EXPECT_EQ(shown(*store, StateKind::Group).size(), 1u);
}

TEST_F(StoreTest, FileIsPrivate) {
  const auto store = open();
  struct stat info = {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((path_ + "-wal").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StoreTest, InMemory) {
  auto store = Store::open(":memory:");
  ASSERT_TRUE(store);
  EXPECT_FALSE((*store)->commit({{StateKind::Meta, "k", "v"}}));
  EXPECT_EQ(shown(**store, StateKind::Meta), (Rows{"k=v"}));
}

TEST_F(StoreTest, NoDatabaseAtAllIsMovedAside) {
  std::ofstream(path_) << std::string(10'000, 'x');
  {
    auto store = open();
    EXPECT_NE(store->notice().find(".damaged-1"), std::string::npos) << store->notice();
    EXPECT_FALSE(store->commit({{StateKind::Meta, "k", "v"}}));
  }
  EXPECT_EQ(fs::file_size(path_ + ".damaged-1"), 10'000u);
  EXPECT_EQ(open()->notice(), "");
}

TEST_F(StoreTest, DamagedPagesAreMovedAsideEachTime) {
  for (const char* aside : {".damaged-1", ".damaged-2"}) {
    {
      auto store = open();
      std::vector<StateChange> rows;
      for (int i = 0; i < 2000; ++i)
        rows.push_back({StateKind::Group, "key" + std::to_string(i), std::string(50, 'v')});
      EXPECT_FALSE(store->commit(rows));
    }
    ASSERT_GT(fs::file_size(path_), 30'000u);
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8192);
    file << std::string(16'384, '\x5a');
    file.close();
    auto store = open();
    EXPECT_NE(store->notice().find(aside), std::string::npos) << store->notice();
    EXPECT_TRUE(shown(*store, StateKind::Group).empty());
  }
}

TEST_F(StoreTest, NewerVersionIsRefusedAndKept) {
  open()->commit({{StateKind::Meta, "k", "v"}});
  sql("PRAGMA user_version = 99");
  const auto store = Store::open(path_);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error()[0].message.find("99"), std::string::npos);
  sql("PRAGMA user_version = 1");
  auto again = open();
  EXPECT_EQ(shown(*again, StateKind::Meta), (Rows{"k=v"}));
}

TEST_F(StoreTest, AnotherProgramsDatabaseIsRefused) {
  sql("CREATE TABLE customers(name TEXT)");
  EXPECT_FALSE(Store::open(path_));
  sql("INSERT INTO customers VALUES('still there')");
}

TEST_F(StoreTest, WhatIsNotAFileIsRefused) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(Store::open(path_));
  EXPECT_FALSE(Store::open(folder_));
  EXPECT_FALSE(Store::open(folder_ / "no" / "such" / "folder"));
}

TEST_F(StoreTest, BusyFileIsAnErrorAndTheChangesCanBeCommittedLater) {
  auto store = open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const std::vector<StateChange> changes = {{StateKind::Meta, "k", "v"}};
  const std::error_code error = store->commit(changes);
  EXPECT_EQ(error, std::errc::device_or_resource_busy) << error.message();
  EXPECT_TRUE(store->load(StateKind::Meta).empty());
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_FALSE(store->commit(changes));
  EXPECT_EQ(shown(*store, StateKind::Meta), (Rows{"k=v"}));
}

}  // namespace
}  // namespace picket
