// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of text, and the log of them: each is logged before it is made, and forgotten when the original is back. The log does not depend on what user
 * space remembers, so that whatever is in can be taken back.
 */
#include <linux/bug.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include "kernopt.h"

#define JUMP32 0xe9
#define CALL32 0xe8
#define JUMP8 0xeb

struct change {
	struct list_head list;		/* in the order in which they were made */
	struct rb_node by_address;
	struct kernopt_file *owner;	/* NULL: whoever made it has left it */
	u64 at;
	u32 length;			/* of the instruction */
	u32 head;			/* bytes of it that are changed */
	u8 original[KERNOPT_LONGEST];
	u8 now[KERNOPT_LONGEST];
};

static LIST_HEAD(changes);
static struct rb_root by_address = RB_ROOT;
static u64 number_of_changes;

static struct change *find(u64 at)
{
	struct rb_node *node = by_address.rb_node;

	while (node) {
		struct change *change = rb_entry(node, struct change, by_address);

		if (at == change->at)
			return change;
		node = at < change->at ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static void add(struct change *change)
{
	struct rb_node **link = &by_address.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = change->at < rb_entry(parent, struct change, by_address)->at ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&change->by_address, parent, link);
	rb_insert_color(&change->by_address, &by_address);
	list_add_tail(&change->list, &changes);
	number_of_changes++;
}

static void forget(struct change *change)
{
	rb_erase(&change->by_address, &by_address);
	list_del(&change->list);
	number_of_changes--;
	kfree(change);
}

u64 kernopt_changes(void)
{
	return number_of_changes;
}

/* Callers have disabled preemption, so that no module is freed meanwhile. One that is on its way out, and what only runs while one is loaded, is not to be changed. */
static bool is_text(u64 at)
{
	struct module *module = kernopt_symbols.module_text_address(at);

	if (module)
		return module->state == MODULE_STATE_LIVE && !within_module_init(at, module);
	return kernopt_symbols.core_kernel_text(at);
}

/* What the handler of the int3 itself returns through, and what the kernel copies to other places. */
static bool is_needed_to_change_text(u64 at)
{
	const struct kernopt_symbols *s = &kernopt_symbols;
	const struct { unsigned long start, end; } ranges[] = {
		{ s->thunks, s->thunks_end }, { s->safe_ret, s->safe_ret + KERNOPT_LONGEST }, { s->static_calls, s->static_calls_end },
		{ s->ftrace_caller, s->ftrace_caller_end }, { s->ftrace_regs_caller, s->ftrace_regs_caller_end },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		if (at >= ranges[i].start && at < ranges[i].end)
			return true;
	return false;
}

/* A probe that begins up to four bytes before may become a jump that reaches here. */
static bool has_kprobe(u64 at, u32 length)
{
	u64 byte;

	for (byte = at - 4; byte < at + length; byte++)
		if (kernopt_symbols.get_kprobe((void *)byte))
			return true;
	return false;
}

/* Bytes of the jump or call that the text begins with, or 0. */
static u32 head_of(const u8 *text, u32 length)
{
	/* A call comes back behind its five bytes: nothing of another instruction may be left there. */
	if ((length >= 5 && text[0] == JUMP32) || (length == 5 && text[0] == CALL32))
		return 5;
	return length >= 2 && text[0] == JUMP8 ? 2 : 0;
}

static u64 target_of(u64 at, const u8 *text)
{
	return text[0] == JUMP8 ? at + 2 + (s8)text[1] : at + 5 + *(s32 *)(text + 1);
}

/* Text that somebody else changes, or knows by its address. The same questions as the kernel asks before a kprobe. */
u32 kernopt_check(u64 at, u32 length)
{
	const struct kernopt_symbols *s = &kernopt_symbols;
	void *first = (void *)at, *last = (void *)(at + length - 1);
	u32 why = 0;

	s->jump_label_lock();
	mutex_lock(s->text_mutex);
	preempt_disable();
	if (!is_text(at) || !is_text(at + length - 1))
		why = KERNOPT_WHY_NOT_TEXT;
	else if (s->within_kprobe_blacklist(at) || is_needed_to_change_text(at))
		why = KERNOPT_WHY_BLACKLISTED;
	else if (s->ftrace_text_reserved(first, last))
		why = KERNOPT_WHY_FTRACE;
	else if (s->jump_label_text_reserved(first, last))
		why = KERNOPT_WHY_STATIC_KEY;
	else if (s->static_call_text_reserved(first, last))
		why = KERNOPT_WHY_STATIC_CALL;
	else if (s->alternatives_text_reserved(first, last))
		why = KERNOPT_WHY_ALTERNATIVE;
	else if (s->search_exception_tables(at))
		why = KERNOPT_WHY_EXCEPTION_TABLE;
	else if (s->find_bug(at))
		why = KERNOPT_WHY_BUG_TABLE;
	else if (has_kprobe(at, length))
		why = KERNOPT_WHY_KPROBE;
	preempt_enable();
	mutex_unlock(s->text_mutex);
	s->jump_label_unlock();
	return why;
}

static bool holds(u64 at, const u8 *expected, u32 length)
{
	u8 now[KERNOPT_LONGEST];

	return !kernopt_symbols.copy_from_kernel_nofault(now, (void *)at, length) && !memcmp(now, expected, length);
}

/* While the bytes are written an int3 stands before them; who runs into it does what the jump does that is there before or after. */
static void write_text(u64 at, const u8 *text, u32 head, const u8 *jump)
{
	kernopt_symbols.text_poke_bp((void *)at, text, head, jump);
}

/* Callers hold text_mutex. Another one's change of the same text is not ours to take back. */
static u32 revert(struct change *change)
{
	bool is_probed;

	/* One that is not armed yet will do what our jump did, whatever is there then. */
	preempt_disable();
	is_probed = has_kprobe(change->at, change->length);
	preempt_enable();
	if (is_probed)
		return KERNOPT_WHY_KPROBE;
	if (!holds(change->at, change->now, change->length))
		return KERNOPT_WHY_CHANGED;
	write_text(change->at, change->original, change->head, change->now);
	forget(change);
	return 0;
}

static u32 install(const struct kernopt_poke *poke, struct change *change, struct change *fresh, struct kernopt_file *owner)
{
	u32 head = head_of(poke->replacement, poke->length);
	u64 target;

	if (!head || memcmp(poke->replacement + head, poke->expected + head, poke->length - head))
		return KERNOPT_WHY_SHAPE;
	target = target_of(poke->at, poke->replacement);
	if (!kernopt_is_code(target))
		return KERNOPT_WHY_TARGET;
	if (change) {
		/* From one jump to another of the same length. */
		if (change->length != poke->length || change->head != head || memcmp(change->now, poke->expected, poke->length))
			return KERNOPT_WHY_SHAPE;
		memcpy(change->now, poke->replacement, poke->length);
	} else {
		fresh->owner = owner;
		fresh->at = poke->at;
		fresh->length = poke->length;
		fresh->head = head;
		memcpy(fresh->original, poke->expected, poke->length);
		memcpy(fresh->now, poke->replacement, poke->length);
		add(fresh);
	}
	write_text(poke->at, poke->replacement, head, NULL);
	return 0;
}

int kernopt_poke(struct kernopt_poke *poke, struct kernopt_file *owner)
{
	struct change *change, *fresh;
	struct module *module;
	bool is_kept;

	if (poke->length < 1 || poke->length > KERNOPT_LONGEST || poke->at + poke->length < poke->at)
		return -EINVAL;
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;
	/* A module stays for as long as this takes. */
	preempt_disable();
	module = kernopt_symbols.module_text_address(poke->at);
	is_kept = module && try_module_get(module);
	preempt_enable();
	change = find(poke->at);
	poke->why = module && !is_kept ? KERNOPT_WHY_NOT_TEXT : change ? 0 : kernopt_check(poke->at, poke->length);
	mutex_lock(kernopt_symbols.text_mutex);
	if (!poke->why && !holds(poke->at, poke->expected, poke->length))
		poke->why = KERNOPT_WHY_CHANGED;
	if (!poke->why) {
		if (change && change->length == poke->length && !memcmp(change->original, poke->replacement, poke->length))
			poke->why = revert(change);
		else
			poke->why = install(poke, change, fresh, owner);
	}
	mutex_unlock(kernopt_symbols.text_mutex);
	if (is_kept)
		module_put(module);
	if (poke->why || change)
		kfree(fresh);
	return poke->why ? -EOPNOTSUPP : 0;
}

int kernopt_change(struct kernopt_change *result)
{
	struct change *change;
	u32 index = 0;

	list_for_each_entry(change, &changes, list) {
		if (index++ < result->index)
			continue;
		result->at = change->at;
		result->length = change->length;
		memcpy(result->original, change->original, KERNOPT_LONGEST);
		memcpy(result->now, change->now, KERNOPT_LONGEST);
		return 0;
	}
	return -ENOENT;
}

bool kernopt_changes_lead_to(u64 start, u64 end)
{
	struct change *change;

	list_for_each_entry(change, &changes, list) {
		u64 target = target_of(change->at, change->now);

		if (target >= start && target < end)
			return true;
	}
	return false;
}

void kernopt_leave(struct kernopt_file *owner)
{
	struct change *change;

	list_for_each_entry(change, &changes, list) {
		if (change->owner == owner)
			change->owner = NULL;
	}
}

/* One at a time, so that nobody else who changes text waits long. */
void kernopt_take_back(struct kernopt_file *owner)
{
	struct change *change, *next;

	list_for_each_entry_safe_reverse(change, next, &changes, list) {
		if (change->owner != owner)
			continue;
		mutex_lock(kernopt_symbols.text_mutex);
		if (revert(change))
			pr_warn("kernopt: the text at %px was changed by somebody else; it stays\n", (void *)change->at);
		mutex_unlock(kernopt_symbols.text_mutex);
		cond_resched();
	}
	kernopt_leave(owner);
}

/* A module's text goes with all that was changed in it. */
static int on_module(struct notifier_block *self, unsigned long state, void *data)
{
	struct module *module = data;
	struct change *change, *next;

	if (state != MODULE_STATE_GOING)
		return NOTIFY_OK;
	mutex_lock(&kernopt_gate);
	list_for_each_entry_safe(change, next, &changes, list) {
		if (within_module(change->at, module))
			forget(change);
	}
	mutex_unlock(&kernopt_gate);
	return NOTIFY_OK;
}

static struct notifier_block watch = { .notifier_call = on_module };

int kernopt_watch_modules(void)
{
	return register_module_notifier(&watch);
}

void kernopt_unwatch_modules(void)
{
	unregister_module_notifier(&watch);
}
