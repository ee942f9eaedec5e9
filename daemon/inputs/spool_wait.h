// submit_and_wait: Spool::submit() for coroutines.
//
// Thread rule: called on, and resumed on, `executor`'s thread. The executor's loop stays alive
// until the answer is there.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "daemon/inputs/spool.h"

namespace picket {

// REQUIRES: the spool outlives the coroutine, or the loop is not run again after its end.
boost::asio::awaitable<SpoolVerdict> submit_and_wait(Spool& spool, SpoolItem item,
                                                     boost::asio::any_io_executor executor);

}  // namespace picket
