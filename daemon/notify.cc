// Tested by tests/daemon/notify_test.cc.
#include "daemon/notify.h"

#include <systemd/sd-daemon.h>

#include <ctime>
#include <string>

#include "rules/json_writer.h"

namespace picket {
namespace {

// The protocol is one assignment per line, so a status must not bring lines of its own.
std::string status_line(std::string_view status) {
  std::string line = "STATUS=";
  append_printable(line, status);
  return line;
}

void send(const std::string& state) { sd_notify(0, state.c_str()); }

}  // namespace

void notify_ready(std::string_view status) { send("READY=1\n" + status_line(status)); }

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t us =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

void notify_stopping(std::string_view status) { send("STOPPING=1\n" + status_line(status)); }

void notify_status(std::string_view status) { send(status_line(status)); }

void notify_watchdog() { send("WATCHDOG=1"); }

void notify_extend_timeout(std::chrono::microseconds time) {
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(time.count()));
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  uint64_t us = 0;
  if (sd_watchdog_enabled(0, &us) <= 0) return std::nullopt;
  return std::chrono::microseconds(us);
}

}  // namespace picket
