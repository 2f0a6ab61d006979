/* SPDX-License-Identifier: GPL-2.0 */
/* A live patch that changes what /proc/cmdline says: harmless, and seen at once. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#define LAB_PATCH(TEXT, REPLACE)                                                          \
	static int lab_show(struct seq_file *m, void *v)                                  \
	{                                                                                 \
		seq_printf(m, "%s\n", TEXT);                                              \
		return 0;                                                                 \
	}                                                                                 \
	static struct klp_func funcs[] = {                                                \
		{ .old_name = "cmdline_proc_show", .new_func = lab_show }, { }            \
	};                                                                                \
	static struct klp_object objects[] = { { .funcs = funcs }, { } };                 \
	static struct klp_patch patch = {                                                 \
		.mod = THIS_MODULE, .objs = objects, .replace = REPLACE,                  \
	};                                                                                \
	static int __init lab_init(void) { return klp_enable_patch(&patch); }             \
	static void __exit lab_exit(void) { }                                             \
	module_init(lab_init);                                                            \
	module_exit(lab_exit);                                                            \
	MODULE_LICENSE("GPL");                                                            \
	MODULE_INFO(livepatch, "Y");
