// Threads that do nothing but call one function. Prints, ten times a second: processor time per call, in ns, of all threads together.
//   callcost THREADS
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64, BATCH = 1000 };

static struct { _Alignas(128) volatile uint64_t calls, last; } done[MOST];

// Some work, so that the counter is not all there is; no call, so that gcc -O2 makes it a leaf with its arguments in registers. noipa: a call is made, whatever is known of it.
__attribute__((noipa)) uint64_t leaf(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15u;
    if (x == 12345) return b;
    return x ^ (x >> 29);
}

static void *run(void *at)
{
    long number = (long)at;
    uint64_t x = number + 1;
    for (;;) {
        for (int i = 0; i < BATCH; i++) x = leaf(x | 1, 7);
        done[number].last = x;
        done[number].calls += BATCH;
    }
    return 0;
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > MOST) return 2;
    pthread_t thread;
    for (long i = 0; i < threads; i++) pthread_create(&thread, 0, run, (void *)i);
    setvbuf(stdout, 0, _IOLBF, 0);
    for (double last = cpu(), now; ; last = now) {
        static uint64_t before;
        usleep(100000);
        uint64_t calls = 0;
        for (int i = 0; i < threads; i++) calls += done[i].calls;
        now = cpu();
        if (calls > before) printf("%.4f %llu\n", (now - last) * 1e9 / (calls - before), (unsigned long long)calls);
        before = calls;
    }
}
