// Notify: what the service manager is told. Each call does nothing when the process was not started
// by one (NOTIFY_SOCKET unset), so callers never ask.
//
// Thread rule: all calls from any thread. notify_watchdog() belongs on the thread whose progress it
// vouches for: the pipeline's, not a timer's.
// Errors: none; a service manager that does not listen is not our failure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace picket {

void notify_ready(std::string_view status);
// Announces a reload with the time stamp that newer managers ask for; end it with notify_ready().
void notify_reloading();
void notify_stopping(std::string_view status);
// One line for people, shown by `systemctl status`.
void notify_status(std::string_view status);
void notify_watchdog();
// Asks for this much more time while draining at shutdown.
void notify_extend_timeout(std::chrono::microseconds time);

// How often the manager expects notify_watchdog() at the latest; nothing when it does not watch.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace picket
