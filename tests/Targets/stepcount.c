// An independent count: steps through a program, one instruction at a time (ptrace(2), PTRACE_SINGLESTEP), and counts for each instruction in some ranges of its text how often it was run.
//   stepcount PID OUTPUT LOW HIGH [LOW HIGH ...]        addresses in hexadecimal, up to 64 ranges
// Says "stepping" when it has the program, which then is to be let through its gate, and steps until it ends or has made MOST steps (environment, 0: no limit). OUTPUT gets lines "ADDRESS
// TIMES", and the last line of the standard output tells the steps. An instruction that repeats (rep movsb) is run once, however often it stops in it. One thread only.
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RANGES = 64 };

static struct { uint64_t low, high; uint32_t *times; uint8_t *text; } ranges[RANGES];
static int count;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int range_of(uint64_t at)
{
    for (int i = 0; i < count; i++) if (at >= ranges[i].low && at < ranges[i].high) return i;
    return -1;
}

// rep and repne before ins, movs, outs, lods, stos, cmps, scas; prefixes in any order.
static int repeats(const uint8_t *code)
{
    int rep = 0;
    for (; *code == 0xf2 || *code == 0xf3 || *code == 0x66 || *code == 0x67 || (*code & 0xf0) == 0x40; code++) rep |= (*code & 0xfe) == 0xf2;
    return rep && ((*code >= 0xa4 && *code <= 0xa7) || (*code >= 0xaa && *code <= 0xaf) || (*code >= 0x6c && *code <= 0x6f));
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc % 2 == 0 || argc > 3 + 2 * RANGES) return 64;
    pid_t pid = atoi(argv[1]);
    for (int i = 3; i < argc; i += 2, count++) {
        ranges[count].low = strtoull(argv[i], 0, 16), ranges[count].high = strtoull(argv[i + 1], 0, 16);
        uint64_t size = ranges[count].high - ranges[count].low;
        ranges[count].times = calloc(size, sizeof(uint32_t));
        ranges[count].text = calloc(size + 16, 1);
        struct iovec to = { ranges[count].text, size }, from = { (void *)ranges[count].low, size };
        if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)size) die("reading the text");
    }
    uint64_t most = getenv("MOST") ? strtoull(getenv("MOST"), 0, 10) : 0, steps = 0;
    int status;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0)) die("seizing it");
    if (waitpid(pid, &status, __WALL) != pid) die("waiting for it");
    puts("stepping");
    fflush(stdout);
    uint64_t last = 0;
    for (int signal = 0; !most || steps < most; steps++) {
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, signal)) die("stepping");
        if (waitpid(pid, &status, __WALL) != pid) die("waiting for a step");
        if (WIFEXITED(status) || WIFSIGNALED(status)) break;
        uint64_t at = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), 0);
        // What stopped it is the step, or a signal that it gets with the next one; a group stop is no signal.
        signal = WSTOPSIG(status) == SIGTRAP || status >> 16 ? 0 : WSTOPSIG(status);
        int in = range_of(at);
        if (in >= 0 && status >> 16 == 0 && !(at == last && repeats(ranges[in].text + (at - ranges[in].low))) && !signal) ranges[in].times[at - ranges[in].low]++;
        last = at;
    }
    if (!WIFEXITED(status) && !WIFSIGNALED(status)) ptrace(PTRACE_DETACH, pid, 0, 0);
    FILE *output = fopen(argv[2], "w");
    if (!output) die(argv[2]);
    for (int i = 0; i < count; i++) {
        for (uint64_t at = ranges[i].low; at < ranges[i].high; at++)
            if (ranges[i].times[at - ranges[i].low]) fprintf(output, "%llx %u\n", (unsigned long long)at, ranges[i].times[at - ranges[i].low]);
    }
    if (fclose(output)) die(argv[2]);
    printf("%llu steps, exit %d\n", (unsigned long long)steps, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}
