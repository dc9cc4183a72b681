// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that nothing executes in some ranges or returns there, once nothing leads there any more. Each thread needs to be seen outside once: what it has on its
 * stack only ever becomes less. A thread that is on no processor is looked at while it is kept from being put on one, as livepatch does; one that is on a
 * processor is interrupted there. Its registers are on its stack then: all that is found there counts, whatever it is.
 */
#include <linux/cpu.h>
#include <linux/ftrace.h>
#include <linux/percpu.h>
#include <linux/rethook.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include "kernopt.h"

#define MOST_LOOKS 64

struct look {
	const struct kernopt_range *ranges;
	u32 count;
	struct task_struct *task;
	unsigned long own_stack;
	u64 word;
	bool is_seen;
};

static bool is_in(const struct look *look, u64 word)
{
	u32 low = 0, high = look->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (word < look->ranges[middle].start)
			high = middle;
		else if (word >= look->ranges[middle].end)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

static void scan(struct look *look, unsigned long from, unsigned long to)
{
	unsigned long at;

	for (at = ALIGN(from, sizeof(long)); at + sizeof(long) <= to && !look->word; at += sizeof(long)) {
		u64 word = READ_ONCE_NOCHECK(*(unsigned long *)at);

		if (is_in(look, word))
			look->word = word;
	}
}

/* Where the stack is empty: above it lie only the registers that the thread had in user space, which may be anything. */
static unsigned long end_of(struct task_struct *task)
{
	return (unsigned long)task_pt_regs(task);
}

/* Tracers of returns keep the real return addresses elsewhere: such a thread cannot be judged by its stack. */
static bool has_hidden_returns(struct task_struct *task)
{
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	if (task->ret_stack && task->curr_ret_stack >= 0)
		return true;
#endif
#ifdef CONFIG_RETHOOK
	if (task->rethooks.first)
		return true;
#endif
	return false;
}

/* With the thread kept as it is. */
static int look_at_sleeping(struct task_struct *task, void *arg)
{
	struct look *look = arg;

	if (task->on_cpu)
		return -EAGAIN;
	if (has_hidden_returns(task))
		return -EBUSY;
	scan(look, task->thread.sp, end_of(task));
	look->is_seen = true;
	return 0;
}

/*
 * On the processor where the thread is. What was interrupted is on the thread's own stack; where the interrupt came to kernel code we are on the
 * interrupt stack, whose uppermost word says how far the other one is in use.
 */
static void look_at_running(void *arg)
{
	struct look *look = arg;
	unsigned long here = (unsigned long)__builtin_frame_address(0), top, end = end_of(current);
	unsigned long start = (unsigned long)task_stack_page(current);

	if ((look->task && current != look->task) || has_hidden_returns(current))
		return;
	if (here >= start && here < end) {
		scan(look, here, end);
	} else {
		top = (unsigned long)*this_cpu_ptr(kernopt_symbols.hardirq_stack_ptr);
		if (here >= top || top - here > IRQ_STACK_SIZE)
			return;
		scan(look, here, top);
		here = *(unsigned long *)top;
		if (here < start || here >= end)
			return;
		scan(look, here, end);
	}
	look->is_seen = true;
}

static void look_at(struct look *look, struct task_struct *task)
{
	int looks;

	look->task = task;
	look->is_seen = false;
	if (has_hidden_returns(task))
		return;
	if (task == current) {
		scan(look, look->own_stack, end_of(task));
		look->is_seen = true;
		return;
	}
	/* One that has ended has no stack. */
	if (!try_get_task_stack(task)) {
		look->is_seen = true;
		return;
	}
	for (looks = 0; !look->is_seen && !look->word && looks < MOST_LOOKS; looks++) {
		if (kernopt_symbols.task_call_func(task, look_at_sleeping, look) == -EAGAIN)
			smp_call_function_single(task_cpu(task), look_at_running, look, 1);
	}
	kernopt_symbols.put_task_stack(task);
}

/* The idle loops are in no list of threads: each is on its processor, or waits behind what is there. */
static void look_at_idle(struct look *look, int cpu)
{
	struct task_struct *idle = kernopt_symbols.idle_task(cpu);
	int looks;

	look->task = idle;
	look->is_seen = false;
	for (looks = 0; !look->is_seen && !look->word && looks < MOST_LOOKS; looks++) {
		if (kernopt_symbols.task_call_func(idle, look_at_sleeping, look) == -EAGAIN && cpu_online(cpu))
			smp_call_function_single(cpu, look_at_running, look, 1);
	}
}

int kernopt_prove_quiet(struct kernopt_quiet *result, const struct kernopt_range *ranges, u32 count, unsigned long own_stack)
{
	struct look look = { .ranges = ranges, .count = count, .own_stack = own_stack };
	struct task_struct *process, *task;
	int cpu;

	result->quiet = 0;
	result->thread = 0;
	result->threads = 0;
	/* A thread that ends is in no list before it has left its last code: it is waited for. */
	synchronize_rcu_tasks();
	rcu_read_lock();
	for_each_process_thread(process, task) {
		look_at(&look, task);
		result->threads++;
		if (look.word || !look.is_seen)
			goto not_proved;
	}
	rcu_read_unlock();
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		look_at_idle(&look, cpu);
		if (look.word || !look.is_seen) {
			cpus_read_unlock();
			result->word = look.word;
			return 0;
		}
	}
	cpus_read_unlock();
	result->word = 0;
	result->quiet = 1;
	return 0;

not_proved:
	result->thread = task_pid_nr(task);
	result->word = look.word;
	rcu_read_unlock();
	return 0;
}
