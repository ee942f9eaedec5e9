// Store: SQLite behind the interface of store.h.
//
// One table per kind, so that rows of one kind lie together:
//   CREATE TABLE <kind> (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
// PRAGMA user_version is the format version: 0 is a fresh file, kFormat is this one, and anything
// else was written by another version, which we must not overwrite. application_id keeps us from
// writing into some other program's database that the configuration names by mistake.
//
// Durability: WAL with synchronous=FULL: a commit that returned without an error survives a power
// loss. With NORMAL the last commits could be undone; files would be read again from an older
// offset, but what the spools of push inputs have removed after a commit would be gone. It costs
// one sync per commit interval.
//
// Tested by tests/daemon/store_test.cc.
#include "daemon/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "daemon/failpoint.h"

namespace picket {
namespace {

constexpr int kFormat = 1;
constexpr int kApplicationId = 0x7069636b;  // "pick"
constexpr int kBusyTimeoutMs = 2000;
constexpr int kDamagedNamesMax = 1000;
constexpr std::array<const char*, 7> kTables = {"checkpoint", "group_state", "alert",      "meta",
                                                "outbox",     "self_alert",  "waiting_hit"};

class SqliteCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sqlite"; }
  std::string message(int code) const override { return sqlite3_errstr(code); }
  std::error_condition default_error_condition(int code) const noexcept override {
    switch (code & 0xff) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return std::errc::device_or_resource_busy;
      case SQLITE_FULL:
        return std::errc::no_space_on_device;
      case SQLITE_IOERR:
        return std::errc::io_error;
      case SQLITE_READONLY:
        return std::errc::read_only_file_system;
      case SQLITE_NOMEM:
        return std::errc::not_enough_memory;
      default:
        return {code, *this};
    }
  }
};

std::error_code sqlite_error(int code) {
  static const SqliteCategory kCategory;
  return {code, kCategory};
}

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

int execute(sqlite3* database, const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
}

Statement prepare(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(database, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  return Statement(statement);
}

// The first column of the first row as text; empty when there is none.
std::pair<int, std::string> first_value(sqlite3* database, const char* sql) {
  const Statement statement = prepare(database, sql);
  if (!statement) return {sqlite3_errcode(database), {}};
  const int code = sqlite3_step(statement.get());
  if (code != SQLITE_ROW) return {code == SQLITE_DONE ? SQLITE_OK : code, {}};
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
  return {SQLITE_OK, text == nullptr ? "" : text};
}

int bind_bytes(sqlite3_stmt* statement, int index, std::string_view bytes) {
  // A null pointer would bind NULL instead of an empty value.
  const char* data = bytes.empty() ? "" : bytes.data();
  return sqlite3_bind_blob64(statement, index, data, bytes.size(), SQLITE_STATIC);
}

std::string column_bytes(sqlite3_stmt* statement, int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  return data == nullptr ? std::string() : std::string(data, size);
}

struct TableStatements {
  Statement upsert;
  Statement erase;
  Statement load;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(Database database, std::string notice)
      : database_(std::move(database)), notice_(std::move(notice)) {}

  std::error_code prepare_all();
  std::vector<StateChange> load(StateKind kind) override;
  std::error_code commit(const std::vector<StateChange>& changes) override;
  const std::string& notice() const override { return notice_; }

 private:
  int apply(const StateChange& change);

  Database database_;  // outlives the statements
  std::array<TableStatements, kTables.size()> tables_;
  std::string notice_;
};

std::error_code SqliteStore::prepare_all() {
  for (size_t i = 0; i < kTables.size(); ++i) {
    TableStatements& table = tables_[i];
    table.upsert = prepare(database_.get(), fmt::format("INSERT INTO {}(key, value) VALUES(?1, ?2) "
                                                        "ON CONFLICT(key) DO UPDATE SET value = ?2",
                                                        kTables[i]));
    table.erase =
        prepare(database_.get(), fmt::format("DELETE FROM {} WHERE key = ?1", kTables[i]));
    table.load =
        prepare(database_.get(), fmt::format("SELECT key, value FROM {} ORDER BY key", kTables[i]));
    if (!table.upsert || !table.erase || !table.load)
      return sqlite_error(sqlite3_extended_errcode(database_.get()));
  }
  return {};
}

std::vector<StateChange> SqliteStore::load(StateKind kind) {
  std::vector<StateChange> rows;
  sqlite3_stmt* statement = tables_[static_cast<size_t>(kind)].load.get();
  while (sqlite3_step(statement) == SQLITE_ROW)
    rows.push_back({kind, column_bytes(statement, 0), column_bytes(statement, 1)});
  sqlite3_reset(statement);
  return rows;
}

std::error_code SqliteStore::commit(const std::vector<StateChange>& changes) {
  if (changes.empty()) return {};
  failpoint(Failpoint::StoreBegin);
  int code = execute(database_.get(), "BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return sqlite_error(code);
  for (const StateChange& change : changes) {
    code = apply(change);
    if (code != SQLITE_OK) break;
  }
  failpoint(Failpoint::StoreCommit);
  if (code == SQLITE_OK) code = execute(database_.get(), "COMMIT");
  failpoint(Failpoint::StoreCommitted);
  if (code == SQLITE_OK) return {};
  // Some errors have rolled back on their own; a second rollback then fails harmlessly.
  if (sqlite3_get_autocommit(database_.get()) == 0) execute(database_.get(), "ROLLBACK");
  return sqlite_error(code);
}

int SqliteStore::apply(const StateChange& change) {
  const TableStatements& table = tables_[static_cast<size_t>(change.kind)];
  sqlite3_stmt* statement = change.erase ? table.erase.get() : table.upsert.get();
  int code = bind_bytes(statement, 1, change.key);
  if (code == SQLITE_OK && !change.erase) code = bind_bytes(statement, 2, change.value);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

// How one attempt to open went.
struct Attempt {
  Database database = nullptr;
  bool damaged = false;      // moving the file aside helps
  std::string problem = {};  // empty: usable
};

// SQLite creates files with the umask's mode; the state holds identities, so it is ours alone.
std::string create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) return std::error_code(errno, std::system_category()).message();
  struct stat info = {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  const bool ours = regular && ::fchmod(fd, 0600) == 0;
  ::close(fd);
  if (!regular) return "it is not a regular file";
  return ours ? "" : "its mode cannot be set to 0600";
}

bool is_damage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

Attempt failure(Attempt attempt, int code) {
  attempt.damaged = is_damage(code);
  attempt.problem = sqlite3_errstr(code);
  return attempt;
}

std::string schema_sql() {
  std::string sql =
      fmt::format("BEGIN IMMEDIATE; PRAGMA application_id = {}; PRAGMA user_version = {};",
                  kApplicationId, kFormat);
  for (const char* table : kTables) {
    sql += fmt::format(
        "CREATE TABLE IF NOT EXISTS {}(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
        table);
  }
  return sql + "COMMIT;";
}

// Whose file it is, before anything is written to it.
Attempt check_format(Attempt attempt) {
  sqlite3* database = attempt.database.get();
  const auto [version_code, version] = first_value(database, "PRAGMA user_version");
  const auto [id_code, id] = first_value(database, "PRAGMA application_id");
  const auto [tables_code, tables] = first_value(database, "SELECT count(*) FROM sqlite_schema");
  for (const int code : {version_code, id_code, tables_code}) {
    if (code != SQLITE_OK) return failure(std::move(attempt), code);
  }
  const bool fresh = version == "0" && id == "0" && tables == "0";
  if (!fresh && id != std::to_string(kApplicationId)) {
    attempt.problem = "it is a database of another program";
  } else if (!fresh && version != std::to_string(kFormat)) {
    attempt.problem =
        fmt::format("it has format version {}, and this program knows {}", version, kFormat);
  }
  return attempt;
}

// Checks the pages, then sets the file up.
Attempt set_up(Attempt attempt) {
  sqlite3* database = attempt.database.get();
  const auto [check_code, verdict] = first_value(database, "PRAGMA quick_check(1)");
  if (check_code != SQLITE_OK) return failure(std::move(attempt), check_code);
  if (verdict != "ok") {
    attempt.damaged = true;
    attempt.problem = verdict;
    return attempt;
  }
  const std::string create = schema_sql();
  for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                          "PRAGMA trusted_schema = OFF", create.c_str()}) {
    if (const int code = execute(database, sql); code != SQLITE_OK)
      return failure(std::move(attempt), code);
  }
  return attempt;
}

Attempt try_open(const std::string& path) {
  Attempt attempt;
  if (path != ":memory:") {
    attempt.problem = create_private(path);
    if (!attempt.problem.empty()) return attempt;
  }
  sqlite3* raw = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, kFlags, nullptr);
  attempt.database.reset(raw);
  if (code != SQLITE_OK) return failure(std::move(attempt), code);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  attempt = check_format(std::move(attempt));
  return attempt.problem.empty() ? set_up(std::move(attempt)) : std::move(attempt);
}

// Renames the file and its companions to the first free "<name>.damaged-<n>". Gives that name, or
// nothing when it could not be done.
std::string move_aside(const std::string& path) {
  for (int n = 1; n <= kDamagedNamesMax; ++n) {
    const std::string aside = fmt::format("{}.damaged-{}", path, n);
    if (::access(aside.c_str(), F_OK) == 0) continue;
    if (std::rename(path.c_str(), aside.c_str()) != 0) return "";
    // The log of the old file must not be applied to the new one.
    for (const char* companion : {"-wal", "-shm"})
      std::rename((path + companion).c_str(), (aside + companion).c_str());
    return aside;
  }
  return "";
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  std::string notice;
  Attempt attempt = try_open(path);
  if (attempt.damaged) {
    attempt.database.reset();
    const std::string aside = move_aside(path);
    if (aside.empty())
      return fail({path},
                  "the state file is damaged and cannot be moved aside: " + attempt.problem);
    notice = fmt::format("{} was damaged ({}); it is now {} and the state starts empty", path,
                         attempt.problem, aside);
    attempt = try_open(path);
  }
  if (!attempt.problem.empty())
    return fail({path}, "cannot use the state file: " + attempt.problem);
  auto store = std::make_unique<SqliteStore>(std::move(attempt.database), std::move(notice));
  if (const std::error_code error = store->prepare_all())
    return fail({path}, "cannot use the state file: " + error.message());
  return store;
}

}  // namespace picket
