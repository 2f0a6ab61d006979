/* SPDX-License-Identifier: GPL-2.0 */
#include "patch.h"
LAB_PATCH("patched by A", false)
