// Hostile calls to /dev/kernopt: any number, any argument, and such as are nearly right. Nothing that it asks for may change text: it never has a region when it
// pokes. Prints how many calls answered what, and gives back what memory it was given.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../src/KernOpt.Driver/kernopt_uapi.h"

static unsigned long long state;

static unsigned long long any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static struct kernopt_info info;
/* With room behind what odd() names, for what is written there. */
static unsigned char page[16384];
static struct kernopt_range ranges[64];

/* Numbers at which checks go wrong, and addresses that mean something. */
static unsigned long long odd(void)
{
	switch (any() % 12) {
	case 0: return 0;
	case 1: return any() % 64;
	case 2: return ~0ull - any() % 64;
	case 3: return info.text + any() % (info.text_end - info.text);
	case 4: return info.text_end - any() % 32;
	case 5: return 0xffff888000000000ull + any() % (1ull << 32);
	case 6: return 0xffffffffc0000000ull + any() % (1ull << 28);
	case 7: return (unsigned long long)page + any() % 8192;
	case 8: return 1ull << (any() % 64);
	case 9: return 0x8000000000000000ull + any() % 4096;
	case 10: return (any() % 16) << 12;
	default: return any();
	}
}

static void give_back(int file)
{
	struct kernopt_region region = { .index = 0 };
	int tries = 0;

	while (!ioctl(file, KERNOPT_REGION, &region) && tries++ < 4096) {
		if (ioctl(file, KERNOPT_UNMAP, &region.at))
			region.index++;
	}
}

static long poke(int file)
{
	struct kernopt_poke poke = { .at = odd(), .length = any() % 4 ? any() % 17 : any() };
	struct kernopt_read read = { .from = poke.at, .into = (unsigned long long)poke.expected, .length = 16 };
	unsigned i;

	ioctl(file, KERNOPT_READ, &read);
	memcpy(poke.replacement, poke.expected, 16);
	for (i = 0; i < 6; i++)
		poke.replacement[i] = any();
	if (any() % 2)
		poke.replacement[0] = "\xe9\xe8\xeb\xcc"[any() % 4];
	return ioctl(file, KERNOPT_POKE, &poke);
}

static long nearly_right(int file)
{
	struct kernopt_read read = { .from = odd(), .into = any() % 2 ? (unsigned long long)page : odd(), .length = any() % 3 ? any() % 4096 : any() };
	struct kernopt_check check = { .at = odd(), .length = any() % 20 };
	struct kernopt_region region = { .data_bytes = (any() % 5) << 12, .code_bytes = any() % 8 ? (any() % 5) << 12 : odd(), .index = any() % 3 };
	struct kernopt_change change = { .index = any() % 4 };
	struct kernopt_quiet quiet = { .ranges = any() % 4 ? (unsigned long long)ranges : odd(), .count = any() % 8 ? any() % 64 : any() };
	__u32 mode = any() % 4;
	__u64 at = odd();
	unsigned i;
	char *memory;
	long answer;

	switch (any() % 11) {
	case 0: return ioctl(file, KERNOPT_INFO, any() % 2 ? (void *)odd() : (void *)page);
	case 1: return ioctl(file, KERNOPT_READ, &read);
	case 2: return ioctl(file, KERNOPT_CLAIM);
	case 3: return ioctl(file, KERNOPT_ON_CLOSE, &mode);
	case 4: return poke(file);
	case 5: return ioctl(file, KERNOPT_CHECK, &check);
	case 6:
		answer = ioctl(file, KERNOPT_MAP, &region);
		if (!answer) {
			memory = mmap(0, 4096, PROT_READ | PROT_WRITE, any() % 4 ? MAP_SHARED : MAP_PRIVATE, file, region.offset + (any() % 12 << 12));
			if (memory != MAP_FAILED) {
				read.into = (unsigned long long)memory;
				read.length = 8;
				ioctl(file, KERNOPT_READ, &read);
				munmap(memory, 4096);
			}
		}
		give_back(file);
		return answer;
	case 7: return ioctl(file, KERNOPT_REGION, &region);
	case 8: return ioctl(file, KERNOPT_UNMAP, &at);
	case 9: return ioctl(file, KERNOPT_CHANGE, &change);
	default:
		for (i = 0; i < 64; i++) {
			ranges[i].start = any() % 4 ? info.text + (i << 12) + any() % 4096 : odd();
			ranges[i].end = ranges[i].start + any() % 64;
		}
		return ioctl(file, KERNOPT_QUIET, &quiet);
	}
}

int main(int count, char **arguments)
{
	unsigned long calls = count > 1 ? strtoul(arguments[1], 0, 0) : 100000, i, answers[134] = {0};
	int file = open("/dev/kernopt", O_RDWR), other = open("/dev/kernopt", O_RDWR);

	state = count > 2 ? strtoull(arguments[2], 0, 0) : 88172645463325252ull;
	if (file < 0 || other < 0 || ioctl(file, KERNOPT_INFO, &info))
		return perror("/dev/kernopt"), 1;
	for (i = 0; i < calls; i++) {
		int which = any() % 16 ? file : other;
		long answer = any() % 4 ? nearly_right(which) : ioctl(which, (any() % 4 ? 'K' << 8 | any() % 16 | (any() % 4) << 30 | (any() % 128) << 16 : any()), odd());

		answers[answer < 0 ? errno % 134 : 0]++;
	}
	give_back(file);
	give_back(other);
	ioctl(file, KERNOPT_INFO, &info);
	printf("%lu calls:", calls);
	for (i = 0; i < 134; i++)
		if (answers[i])
			printf(" %lu %s", answers[i], i ? strerrorname_np(i) : "done");
	printf("; %llu regions and %llu changes left\n", info.regions, info.changes);
	return info.regions || info.changes;
}
