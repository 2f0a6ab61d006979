/* All programs of the sensor in one object, so that they share their maps. GPL is asked by the helpers that read memory. */
#include "compat.h" /* this and the next first, because what a kernel refuses is cheapest to find out at the beginning */
#include "prevent.h"
#include "process.h"
#include "open.h"
#include "connect.h"
#include "call.h"
#include "uring.h"
#include "question.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
