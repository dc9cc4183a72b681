// SPDX-License-Identifier: GPL-2.0
/*
 * Memory in reach of the text: data, which is written and not executed, then code, which is executed and not written. Who has the file open maps all of it for
 * reading and writing, at addresses of its own. While there is a region the module stays loaded.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "kernopt.h"

#define MOST_BYTES (256ull << 20)
#define OFFSET_SHIFT 36		/* a region's place among the offsets of mmap, by its number */

struct region {
	struct list_head list;
	u64 number;
	void *start;
	u64 data_bytes, code_bytes;
};

/* Changed under kernopt_gate and this; who only looks needs one of them. A fault comes where the gate may be held by the thread itself. */
static DEFINE_MUTEX(list_gate);
static LIST_HEAD(regions);
static u64 number_of_regions, last_number;

static u64 bytes_of(const struct region *region)
{
	return region->data_bytes + region->code_bytes;
}

static void describe(const struct region *region, struct kernopt_region *result)
{
	result->at = (u64)region->start;
	result->data_bytes = region->data_bytes;
	result->code_bytes = region->code_bytes;
	result->offset = region->number << OFFSET_SHIFT;
}

u64 kernopt_regions(void)
{
	return number_of_regions;
}

bool kernopt_is_code(u64 at)
{
	struct region *region;

	list_for_each_entry(region, &regions, list) {
		u64 code = (u64)region->start + region->data_bytes;

		if (at >= code && at < code + region->code_bytes)
			return true;
	}
	return false;
}

static bool is_whole(u64 bytes)
{
	return bytes && bytes <= MOST_BYTES && !(bytes & ~PAGE_MASK);
}

int kernopt_map(struct kernopt_region *wanted)
{
	struct region *region;
	unsigned long code;
	int pages, error;

	if (!is_whole(wanted->data_bytes) || !is_whole(wanted->code_bytes))
		return -EINVAL;
	region = kzalloc(sizeof(*region), GFP_KERNEL);
	if (!region)
		return -ENOMEM;
	region->data_bytes = wanted->data_bytes;
	region->code_bytes = wanted->code_bytes;
	region->start = kernopt_symbols.module_alloc(bytes_of(region));
	if (!region->start) {
		kfree(region);
		return -ENOMEM;
	}
	memset(region->start, 0, region->data_bytes);
	code = (unsigned long)region->start + region->data_bytes;
	memset((void *)code, 0xcc, region->code_bytes);
	pages = region->code_bytes >> PAGE_SHIFT;
	error = kernopt_symbols.set_memory_ro(code, pages);
	if (!error)
		error = kernopt_symbols.set_memory_x(code, pages);
	if (error) {
		kernopt_symbols.module_memfree(region->start);
		kfree(region);
		return error;
	}
	region->number = ++last_number;
	mutex_lock(&list_gate);
	list_add_tail(&region->list, &regions);
	mutex_unlock(&list_gate);
	number_of_regions++;
	__module_get(THIS_MODULE);
	describe(region, wanted);
	return 0;
}

int kernopt_region(struct kernopt_region *result)
{
	struct region *region;
	u32 index = 0;

	list_for_each_entry(region, &regions, list) {
		if (index++ < result->index)
			continue;
		describe(region, result);
		return 0;
	}
	return -ENOENT;
}

/* Not on the word of user space that nobody is in it: proved here again. */
int kernopt_unmap(u64 at)
{
	struct region *region;
	struct kernopt_quiet quiet = {};
	struct kernopt_range range;
	int error;

	list_for_each_entry(region, &regions, list) {
		if ((u64)region->start != at)
			continue;
		range.start = at + region->data_bytes;
		range.end = at + bytes_of(region);
		if (kernopt_changes_lead_to(range.start, range.end))
			return -EBUSY;
		error = kernopt_prove_quiet(&quiet, &range, 1, (unsigned long)__builtin_frame_address(0));
		if (error || !quiet.quiet)
			return error ? error : -EBUSY;
		mutex_lock(&list_gate);
		list_del(&region->list);
		mutex_unlock(&list_gate);
		number_of_regions--;
		kernopt_symbols.module_memfree(region->start);
		kfree(region);
		module_put(THIS_MODULE);
		return 0;
	}
	return -ENOENT;
}

/* Each page as it is first touched; a page that user space maps outlives the region. */
static vm_fault_t on_fault(struct vm_fault *fault)
{
	u64 number = fault->pgoff >> (OFFSET_SHIFT - PAGE_SHIFT);
	u64 offset = (fault->pgoff & ((1ull << (OFFSET_SHIFT - PAGE_SHIFT)) - 1)) << PAGE_SHIFT;
	struct region *region;
	vm_fault_t result = VM_FAULT_SIGBUS;

	mutex_lock(&list_gate);
	list_for_each_entry(region, &regions, list) {
		if (region->number != number || offset >= bytes_of(region))
			continue;
		fault->page = vmalloc_to_page(region->start + offset);
		get_page(fault->page);
		result = 0;
		break;
	}
	mutex_unlock(&list_gate);
	return result;
}

static const struct vm_operations_struct operations = { .fault = on_fault };

int kernopt_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	/* No device writes there by way of the kernel's own mapping, which is read-only; and no code of ours is executed in user space. */
	vma->vm_flags |= VM_IO | VM_DONTEXPAND | VM_DONTDUMP;
	vma->vm_flags &= ~VM_MAYEXEC;
	vma->vm_ops = &operations;
	return 0;
}
