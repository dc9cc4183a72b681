// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/kernopt: the few things about a running kernel that user space cannot do for itself. Everything clever is in kernopt; what is here trusts nothing that
 * it is told: it checks each address and length, and changes text only where the text is what the caller thinks.
 */
#include <linux/capability.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "kernopt.h"

DEFINE_MUTEX(kernopt_gate);

static struct kernopt_file *holder;	/* of the sole right to change */
static u64 boot;

static int on_open(struct inode *inode, struct file *file)
{
	int error;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	error = security_locked_down(LOCKDOWN_DEV_MEM);
	if (!error)
		error = security_locked_down(LOCKDOWN_KPROBES);
	if (error)
		return error;
	file->private_data = kzalloc(sizeof(struct kernopt_file), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

/* Also when kernopt is killed: the file is closed with it. */
static int on_close(struct inode *inode, struct file *file)
{
	struct kernopt_file *owner = file->private_data;

	mutex_lock(&kernopt_gate);
	if (owner->on_close == KERNOPT_REVERT)
		kernopt_take_back(owner);
	else
		kernopt_leave(owner);
	if (holder == owner)
		holder = NULL;
	mutex_unlock(&kernopt_gate);
	kfree(owner);
	return 0;
}

static int claim(struct kernopt_file *file)
{
	if (holder && holder != file)
		return -EBUSY;
	holder = file;
	return 0;
}

static int info(struct kernopt_info *result)
{
	*result = (struct kernopt_info) {
		.version = KERNOPT_VERSION,
		.cpus = nr_cpu_ids,
		.text = kernopt_symbols.stext,
		.text_end = kernopt_symbols.etext,
		.boot = boot,
		.regions = kernopt_regions(),
		.changes = kernopt_changes(),
	};
	return 0;
}

/* A page at a time: where one cannot be read, what was read before it counts. */
static int read_memory(struct kernopt_read *request)
{
	void *page;
	int error = 0;

	if (request->length > KERNOPT_MOST_READ)
		return -EINVAL;
	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	for (request->done = 0; request->done < request->length;) {
		u64 from = request->from + request->done;
		u32 some = min_t(u64, request->length - request->done, PAGE_SIZE - (from & ~PAGE_MASK));

		if (kernopt_symbols.copy_from_kernel_nofault(page, (void *)from, some))
			break;
		if (copy_to_user((void __user *)(request->into + request->done), page, some)) {
			error = -EFAULT;
			break;
		}
		request->done += some;
		cond_resched();
	}
	free_page((unsigned long)page);
	return error;
}

static int check(struct kernopt_check *request)
{
	if (request->length < 1 || request->length > KERNOPT_LONGEST || request->at + request->length < request->at)
		return -EINVAL;
	request->why = kernopt_check(request->at, request->length);
	return 0;
}

static noinline int prove(struct kernopt_quiet *request)
{
	struct kernopt_range *ranges;
	u32 i;
	int error;

	if (!request->count || request->count > KERNOPT_MOST_RANGES)
		return -EINVAL;
	ranges = kvmalloc_array(request->count, sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return -ENOMEM;
	error = copy_from_user(ranges, (void __user *)request->ranges, request->count * sizeof(*ranges)) ? -EFAULT : 0;
	for (i = 0; !error && i < request->count; i++) {
		if (ranges[i].end <= ranges[i].start || (i && ranges[i].start < ranges[i - 1].end))
			error = -EINVAL;
	}
	if (!error)
		error = kernopt_prove_quiet(request, ranges, request->count, (unsigned long)__builtin_frame_address(0));
	kvfree(ranges);
	return error;
}

/* What each call is given, by its number: all of it lies in one union, and goes back when it is done. */
union request {
	struct kernopt_info info;
	struct kernopt_read read;
	u32 on_close;
	struct kernopt_poke poke;
	struct kernopt_check check;
	struct kernopt_region region;
	u64 at;
	struct kernopt_change change;
	struct kernopt_quiet quiet;
};

static int change(struct kernopt_file *file, unsigned int command, union request *request)
{
	if (holder != file)
		return -EPERM;
	switch (command) {
	case KERNOPT_POKE:
		return kernopt_poke(&request->poke, file);
	case KERNOPT_MAP:
		return kernopt_map(&request->region);
	default:
		return kernopt_unmap(request->at);
	}
}

static int serve(struct kernopt_file *file, unsigned int command, union request *request)
{
	switch (command) {
	case KERNOPT_INFO:
		return info(&request->info);
	case KERNOPT_CLAIM:
		return claim(file);
	case KERNOPT_ON_CLOSE:
		if (request->on_close > KERNOPT_REVERT)
			return -EINVAL;
		file->on_close = request->on_close;
		return 0;
	case KERNOPT_POKE:
	case KERNOPT_MAP:
	case KERNOPT_UNMAP:
		return change(file, command, request);
	case KERNOPT_CHECK:
		return check(&request->check);
	case KERNOPT_REGION:
		return kernopt_region(&request->region);
	case KERNOPT_CHANGE:
		return kernopt_change(&request->change);
	case KERNOPT_QUIET:
		return prove(&request->quiet);
	default:
		return -ENOTTY;
	}
}

static long on_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	union request request;
	u32 size = _IOC_SIZE(command);
	int result;

	memset(&request, 0, sizeof(request));
	if (_IOC_TYPE(command) != 'K' || size > sizeof(request))
		return -ENOTTY;
	if ((_IOC_DIR(command) & _IOC_WRITE) && copy_from_user(&request, (void __user *)argument, size))
		return -EFAULT;
	/* Reading faults pages of the caller in, which may be pages of a region: that takes the gate. */
	if (command == KERNOPT_READ) {
		result = read_memory(&request.read);
	} else {
		mutex_lock(&kernopt_gate);
		result = serve(file->private_data, command, &request);
		mutex_unlock(&kernopt_gate);
	}
	if ((_IOC_DIR(command) & _IOC_READ) && (!result || result == -EOPNOTSUPP) && copy_to_user((void __user *)argument, &request, size))
		return -EFAULT;
	return result;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = on_open,
	.release = on_close,
	.unlocked_ioctl = on_ioctl,
	.mmap = kernopt_mmap,
};

static struct miscdevice device = { .minor = MISC_DYNAMIC_MINOR, .name = "kernopt", .mode = 0600, .fops = &operations };

static int __init begin(void)
{
	int error = kernopt_find_symbols();

	if (error)
		return error;
	boot = ktime_get_real_ns() - ktime_get_boottime_ns();
	error = kernopt_watch_modules();
	if (error)
		return error;
	error = misc_register(&device);
	if (error)
		kernopt_unwatch_modules();
	return error;
}

/* Files and regions keep the module: nothing of ours is in the kernel here. */
static void __exit end(void)
{
	misc_deregister(&device);
	kernopt_unwatch_modules();
}

module_init(begin);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Reads and changes the running kernel for kernopt");
