/* SPDX-License-Identifier: GPL-2.0 */
/* What the driver's files know of each other. */
#ifndef KERNOPT_H
#define KERNOPT_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include "kernopt_uapi.h"

/* Functions of the kernel that are not exported. All are there, or the module is not loaded. */
struct kernopt_symbols {
	void (*text_poke_bp)(void *addr, const void *opcode, size_t len, const void *emulate);
	struct mutex *text_mutex;
	void *(*module_alloc)(unsigned long size);
	void (*module_memfree)(void *region);
	int (*set_memory_x)(unsigned long addr, int pages);
	int (*set_memory_ro)(unsigned long addr, int pages);
	long (*copy_from_kernel_nofault)(void *dst, const void *src, size_t size);
	int (*core_kernel_text)(unsigned long addr);
	struct module *(*module_text_address)(unsigned long addr);
	bool (*within_kprobe_blacklist)(unsigned long addr);
	int (*ftrace_text_reserved)(const void *start, const void *end);
	void (*jump_label_lock)(void);
	void (*jump_label_unlock)(void);
	int (*jump_label_text_reserved)(void *start, void *end);
	int (*static_call_text_reserved)(void *start, void *end);
	int (*alternatives_text_reserved)(void *start, void *end);
	const struct exception_table_entry *(*search_exception_tables)(unsigned long addr);
	struct kprobe *(*get_kprobe)(void *addr);
	void (*put_task_stack)(struct task_struct *task);
	struct bug_entry *(*find_bug)(unsigned long addr);
	int (*task_call_func)(struct task_struct *task, int (*func)(struct task_struct *task, void *arg), void *arg);
	struct task_struct *(*idle_task)(int cpu);
	void *__percpu *hardirq_stack_ptr;
	unsigned long stext, etext;
	unsigned long thunks, thunks_end, safe_ret, static_calls, static_calls_end, ftrace_caller, ftrace_caller_end, ftrace_regs_caller, ftrace_regs_caller_end;
};

extern struct kernopt_symbols kernopt_symbols;
int kernopt_find_symbols(void);

/* Who has a change, so that it can be taken back when the file is closed. */
struct kernopt_file {
	u32 on_close;
};

/* text.c; callers hold kernopt_gate. */
int kernopt_poke(struct kernopt_poke *poke, struct kernopt_file *owner);
u32 kernopt_check(u64 at, u32 length);
int kernopt_change(struct kernopt_change *change);
u64 kernopt_changes(void);
bool kernopt_changes_lead_to(u64 start, u64 end);
void kernopt_leave(struct kernopt_file *owner);
void kernopt_take_back(struct kernopt_file *owner);
int kernopt_watch_modules(void);
void kernopt_unwatch_modules(void);

/* regions.c; callers hold kernopt_gate. */
int kernopt_map(struct kernopt_region *region);
int kernopt_region(struct kernopt_region *region);
int kernopt_unmap(u64 at);
int kernopt_mmap(struct file *file, struct vm_area_struct *vma);
bool kernopt_is_code(u64 at);
u64 kernopt_regions(void);

/* quiet.c. Ranges ascend and do not overlap. own_stack: above it nothing holds an address that was asked about. */
int kernopt_prove_quiet(struct kernopt_quiet *result, const struct kernopt_range *ranges, u32 count, unsigned long own_stack);

extern struct mutex kernopt_gate;

#endif
