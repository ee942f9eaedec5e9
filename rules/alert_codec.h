// Alerts and their events as bytes for the state file, and back.
//
// Format: fixed-size numbers in the machine's byte order and texts with their size in front (see
// bytes.h); an event begins with the version of that form.
//
// Thread rule: pure. Errors: bytes that are none are told, never read past. Tested by
// alert_codec_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/alert.h"

namespace picket {

// All but the rule, the status and the end, which those that keep firing alerts know anyway.
void encode_alert(const Alert& alert, std::string& out);
// Takes one off the front. False: it is none.
bool decode_alert(std::string_view& in, Alert& alert);

// Everything.
std::string encode_event(const AlertEvent& event);
std::optional<AlertEvent> decode_event(std::string_view in);

}  // namespace picket
