/* All programs of the sensor in one object, so that they share their maps. GPL is asked by the helpers that read memory. */
#include "process.h"
#include "open.h"
#include "connect.h"
#include "call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
