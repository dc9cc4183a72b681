// Stacks cut out of one piece of memory, as coroutine libraries do: the first thread (or, with "thread", another one) runs on the upper one, while the lower one
// waits inside a given address, which has called back into a switch.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HALF = 128 * 1024 };

static const unsigned long mask = 0x5555555555555555;
static unsigned long masked_entry;
static void *own, *lower, *upper;

// Leaves the stack that it is on and goes on with another one: callee-saved registers on the stack, its pointer in *save.
__attribute__((noipa, naked)) static void change(void **save, void *to)
{
    __asm__("push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; mov %rsp, (%rdi); mov %rsi, %rsp;"
            "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret");
}

static void leave_lower(void) { change(&lower, upper); }

static void in_lower(void)
{
    ((void (*)(void))(masked_entry ^ mask))();
    change(&lower, upper);
    abort();
}

static void in_upper(void)
{
    char line[128];
    change(&upper, lower);
    for (;;) {
        printf("ok=1\n");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) _exit(0);
    }
}

static void *prepared(char *stack, void (*start)(void))
{
    void **top = (void **)(stack + HALF - 16);
    *--top = (void *)start;
    return memset(top - 6, 0, 48);
}

static void *run(void *unused)
{
    char *memory = mmap(0, 2 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    lower = prepared(memory, in_lower);
    upper = prepared(memory + HALF, in_upper);
    change(&own, upper);
    return unused;
}

int main(int argc, char **argv)
{
    char line[128];
    printf("wait=%lx\n", (unsigned long)leave_lower);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 1;
    masked_entry = strtoul(line + 6, 0, 16);
    memset(line, 0, sizeof line);
    if (argc > 1 && !strcmp(argv[1], "thread")) {
        pthread_t thread;
        pthread_create(&thread, 0, run, 0);
        pthread_join(thread, 0);
    }
    run(0);
}
