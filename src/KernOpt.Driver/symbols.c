// SPDX-License-Identifier: GPL-2.0
/*
 * Finds what the kernel does not export. A kprobe is the sanctioned way to learn the address of a function by its name; the one that is learnt so is
 * kallsyms_lookup_name, which knows all others.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include "kernopt.h"

struct kernopt_symbols kernopt_symbols;

static unsigned long (*lookup)(const char *name);

static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

static int find(const char *name, void *into)
{
	unsigned long at = lookup(name);

	if (!at) {
		pr_err("kernopt: this kernel has no %s\n", name);
		return -ENOENT;
	}
	*(unsigned long *)into = at;
	return 0;
}

int kernopt_find_symbols(void)
{
	struct kernopt_symbols *s = &kernopt_symbols;
	const struct { const char *name; void *into; } wanted[] = {
		{ "text_poke_bp", &s->text_poke_bp },
		{ "text_mutex", &s->text_mutex },
		{ "module_alloc", &s->module_alloc },
		{ "module_memfree", &s->module_memfree },
		{ "set_memory_x", &s->set_memory_x },
		{ "set_memory_ro", &s->set_memory_ro },
		{ "copy_from_kernel_nofault", &s->copy_from_kernel_nofault },
		{ "core_kernel_text", &s->core_kernel_text },
		{ "__module_text_address", &s->module_text_address },
		{ "within_kprobe_blacklist", &s->within_kprobe_blacklist },
		{ "ftrace_text_reserved", &s->ftrace_text_reserved },
		{ "jump_label_lock", &s->jump_label_lock },
		{ "jump_label_unlock", &s->jump_label_unlock },
		{ "jump_label_text_reserved", &s->jump_label_text_reserved },
		{ "static_call_text_reserved", &s->static_call_text_reserved },
		{ "alternatives_text_reserved", &s->alternatives_text_reserved },
		{ "search_exception_tables", &s->search_exception_tables },
		{ "get_kprobe", &s->get_kprobe },
		{ "put_task_stack", &s->put_task_stack },
		{ "find_bug", &s->find_bug },
		{ "task_call_func", &s->task_call_func },
		{ "idle_task", &s->idle_task },
		{ "hardirq_stack_ptr", &s->hardirq_stack_ptr },
		{ "__indirect_thunk_start", &s->thunks },
		{ "__indirect_thunk_end", &s->thunks_end },
		{ "srso_alias_safe_ret", &s->safe_ret },
		{ "__static_call_text_start", &s->static_calls },
		{ "__static_call_text_end", &s->static_calls_end },
		{ "ftrace_caller", &s->ftrace_caller },
		{ "ftrace_caller_end", &s->ftrace_caller_end },
		{ "ftrace_regs_caller", &s->ftrace_regs_caller },
		{ "ftrace_regs_caller_end", &s->ftrace_regs_caller_end },
		{ "_stext", &s->stext },
		{ "_etext", &s->etext },
	};
	int error = find_lookup();
	int i;

	for (i = 0; !error && i < ARRAY_SIZE(wanted); i++)
		error = find(wanted[i].name, wanted[i].into);
	return error;
}
