/* SPDX-License-Identifier: GPL-2.0 */
/* Cannot take effect while a task sleeps in the function that it replaces. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int awake_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
	return 0;
}

static struct klp_func funcs[] = { { .old_name = "lab_wait_show", .new_func = awake_show }, { } };
static struct klp_object objects[] = { { .name = "lab_sleeper", .funcs = funcs }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static int __init fix_init(void) { return klp_enable_patch(&patch); }
static void __exit fix_exit(void) { }

module_init(fix_init);
module_exit(fix_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
