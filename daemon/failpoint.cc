#include "daemon/failpoint.h"

namespace picket {

void failpoint(Failpoint) {}

}  // namespace picket
