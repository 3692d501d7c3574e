#include "seam.h"

namespace zerosend {

Syscalls sys;

}  // namespace zerosend
