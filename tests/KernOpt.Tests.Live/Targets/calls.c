// Calls that end in every way. "KIND N" makes N of a kind in a thread of its own, and answers "ok". t_call is what is timed; each call that returns lasts 20 microseconds at least.
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static jmp_buf back;
static volatile int sink;

static void spin(long ns)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000000L + now.tv_nsec - from.tv_nsec < ns);
}

__attribute__((noipa)) int t_after(int x) { sink += x; return x + 1; }

// 'r' recurses, 'l' leaves by longjmp, 'e' ends the thread (by unwinding, as an exception), 't' leaves by a jump to another function, anything else returns.
__attribute__((noipa)) int t_call(int kind, int depth)
{
    spin(20000);
    if (kind == 'r' && depth > 0) {
        int below = t_call(kind, depth - 1);
        // Not a jump: something is left to be done.
        sink++;
        return below + 1;
    }
    if (kind == 'l') longjmp(back, 1);
    if (kind == 'e') pthread_exit(0);
    if (kind == 't') return t_after(depth);
    sink++;
    return 0;
}

static int kind, rounds;

static void *run(void *unused)
{
    for (volatile int i = 0; i < rounds; i++) {
        if (setjmp(back) == 0) t_call(kind, 4);
        // At the same place in the stack, a while later: what a call left behind must not lengthen this one.
        if (kind == 'l') { spin(2000000); t_call('x', 0); }
    }
    return unused;
}

int main(void)
{
    char name[8];
    while (scanf("%7s %d", name, &rounds) == 2) {
        kind = name[0];
        int threads = kind == 'e' ? rounds : 1;
        if (kind == 'e') rounds = 1;
        for (int t = 0; t < threads; t++) {
            pthread_t thread;
            pthread_create(&thread, 0, run, 0);
            pthread_join(thread, 0);
        }
        puts("ok");
        fflush(stdout);
    }
    return 0;
}
