/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What /dev/kernopt answers. All structures are the same for 32 and 64 bits; what is not used is 0. Addresses are the kernel's own.
 * Calls answer 0, or a negative errno: EPERM (no CAP_SYS_ADMIN, or the kernel is locked down), EINVAL (a number out of range), EFAULT, ENOMEM,
 * ENOENT (no such region or change), EBUSY (another file has the right to change), EPERM for changes without that right, and for changes of text
 * EOPNOTSUPP, with the reason in `why`.
 */
#ifndef KERNOPT_UAPI_H
#define KERNOPT_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KERNOPT_VERSION 1
#define KERNOPT_LONGEST 16	/* bytes of one change of text */
#define KERNOPT_MOST_RANGES 65536	/* of one proof */
#define KERNOPT_MOST_READ (1u << 20)

struct kernopt_info {
	__u32 version;
	__u32 cpus;		/* that may ever be there */
	__u64 text, text_end;	/* of the kernel itself */
	__u64 boot;		/* a number that another boot has not */
	__u64 regions, changes;	/* how many there are */
};

/* Copies kernel memory. done: how many bytes could be read. */
struct kernopt_read {
	__u64 from, into;
	__u32 length, done;
};

/* Why text cannot be changed. */
enum kernopt_why {
	KERNOPT_WHY_NOT_TEXT = 1,	/* neither the kernel's text nor a module's */
	KERNOPT_WHY_CHANGED,		/* it does not hold the expected bytes */
	KERNOPT_WHY_SHAPE,		/* the new bytes begin with no jump, and are not the original either */
	KERNOPT_WHY_TARGET,		/* it would lead elsewhere than to code of a region */
	KERNOPT_WHY_BLACKLISTED,	/* no probe may be there: entry code, noinstr, what an int3 itself needs */
	KERNOPT_WHY_FTRACE,
	KERNOPT_WHY_STATIC_KEY,
	KERNOPT_WHY_STATIC_CALL,
	KERNOPT_WHY_ALTERNATIVE,	/* lock prefixes, which change with the number of processors */
	KERNOPT_WHY_KPROBE,
	KERNOPT_WHY_EXCEPTION_TABLE,	/* it may fault, and what is done then is found by its address */
	KERNOPT_WHY_BUG_TABLE,		/* so is what an ud2 means */
};

/*
 * Replaces the start of one instruction by the kernel's own protocol (text_poke_bp). expected is what the whole instruction is now; replacement has the
 * same length, begins with jmp rel8, jmp rel32 or call rel32, and is expected behind that; or it is what was there before the first change.
 */
struct kernopt_poke {
	__u64 at;
	__u32 length;
	__u32 why;		/* out: enum kernopt_why */
	__u8 expected[KERNOPT_LONGEST];
	__u8 replacement[KERNOPT_LONGEST];
};

/* Whether the bytes [at, at + length) may be changed at all, whatever they are. */
struct kernopt_check {
	__u64 at;
	__u32 length;
	__u32 why;
};

/* Memory near the text: data first, then code. It outlives the file, until it is given back. */
struct kernopt_region {
	__u64 at;		/* out */
	__u64 data_bytes, code_bytes;	/* whole pages */
	__u64 offset;		/* out: for mmap(2), all of it for reading and writing */
	__u32 index;		/* in, of KERNOPT_REGION: from 0 */
	__u32 reserved;
};

/* One change that is in, by its number from 0, oldest first. */
struct kernopt_change {
	__u32 index;
	__u32 length;
	__u64 at;
	__u8 original[KERNOPT_LONGEST];
	__u8 now[KERNOPT_LONGEST];
};

struct kernopt_range {
	__u64 start, end;
};

/*
 * Proves that no thread, interrupt or idle loop executes in any of the ranges (ascending, not overlapping) or returns there. quiet: 1 when proved. Otherwise
 * the thread, and the word that was found on its stack; or 0 and 0 where a thread could not be seen.
 */
struct kernopt_quiet {
	__u64 ranges;
	__u32 count;
	__u32 quiet;
	__u32 threads;
	__s32 thread;
	__u64 word;
};

enum kernopt_on_close {
	KERNOPT_LEAVE = 0,	/* what was changed through the file stays */
	KERNOPT_REVERT = 1,	/* its changes of text are taken back, the last one first; memory stays until it is proved quiet */
};

#define KERNOPT_INFO _IOR('K', 0, struct kernopt_info)
#define KERNOPT_READ _IOWR('K', 1, struct kernopt_read)
#define KERNOPT_CLAIM _IO('K', 2)	/* the sole right to change, until the file is closed */
#define KERNOPT_ON_CLOSE _IOW('K', 3, __u32)
#define KERNOPT_POKE _IOWR('K', 4, struct kernopt_poke)
#define KERNOPT_CHECK _IOWR('K', 5, struct kernopt_check)
#define KERNOPT_MAP _IOWR('K', 6, struct kernopt_region)
#define KERNOPT_REGION _IOWR('K', 7, struct kernopt_region)
#define KERNOPT_UNMAP _IOW('K', 8, __u64)	/* by its address; EBUSY while it is not quiet, or a change leads there */
#define KERNOPT_CHANGE _IOWR('K', 9, struct kernopt_change)
#define KERNOPT_QUIET _IOWR('K', 10, struct kernopt_quiet)

#endif
