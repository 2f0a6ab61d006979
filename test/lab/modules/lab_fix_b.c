/* SPDX-License-Identifier: GPL-2.0 */
/* Cumulative: it takes the place of whatever was there. */
#include "patch.h"
LAB_PATCH("patched by B", true)
