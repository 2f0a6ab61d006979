/* SPDX-License-Identifier: GPL-2.0 */
/* Whoever reads /proc/lab_wait sleeps inside of the function until somebody reads /proc/lab_wake. */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static DECLARE_COMPLETION(woken);

static noinline int lab_wait_show(struct seq_file *m, void *v)
{
	wait_for_completion(&woken);
	seq_puts(m, "original\n");
	return 0;
}

static int lab_wake_show(struct seq_file *m, void *v)
{
	complete_all(&woken);
	return 0;
}

static int __init sleeper_init(void)
{
	proc_create_single("lab_wait", 0444, NULL, lab_wait_show);
	proc_create_single("lab_wake", 0444, NULL, lab_wake_show);
	return 0;
}

static void __exit sleeper_exit(void)
{
	complete_all(&woken);
	remove_proc_entry("lab_wait", NULL);
	remove_proc_entry("lab_wake", NULL);
}

module_init(sleeper_init);
module_exit(sleeper_exit);
MODULE_LICENSE("GPL");
