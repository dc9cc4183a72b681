// Two threads that do nothing but call one function of 23 bytes, as often as lines of input say; results are held against the same sum done elsewhere.
//   free        no limit from now on; answers "free"
//   more N      holds both between two calls, has each make N more, holds them again; answers "at CALLS WRONG": calls of both together, wrong results so far
//   calls       answers "calls CALLS WRONG", while they run
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 2 };

static struct { _Alignas(128) _Atomic uint64_t calls, wrong; } done[THREADS];
static struct { _Alignas(128) _Atomic uint64_t limit, answered; } told[THREADS];
static _Atomic uint64_t asked;

#define MIX(x) (((x) ^ ((x) >> 15)) * 0x2c1b3c6du)

__attribute__((noinline, aligned(64))) uint32_t hot(uint32_t a, uint32_t b)
{
    uint32_t x = MIX(a);
    return (x ^ (x >> 12)) + b;
}

static void *run(void *at)
{
    long number = (long)at;
    uint32_t x = number + 1, y = x;
    for (uint64_t calls = 0;;) {
        if (calls >= atomic_load_explicit(&told[number].limit, memory_order_relaxed)) {
            atomic_store(&told[number].answered, atomic_load(&asked));
            continue;
        }
        x = hot(x, 7);
        // The same, where no call is: the compiler does not see that both are equal.
        __asm__("" : "+r"(y));
        y = MIX(y);
        y = (y ^ (y >> 12)) + 7;
        if (x != y) atomic_fetch_add(&done[number].wrong, 1), y = x;
        atomic_store_explicit(&done[number].calls, ++calls, memory_order_release);
    }
    return 0;
}

static void say(const char *word)
{
    unsigned long long calls = 0, wrong = 0;
    for (int i = 0; i < THREADS; i++) calls += done[i].calls, wrong += done[i].wrong;
    printf("%s %llu %llu\n", word, calls, wrong);
}

// When it returns each thread rests between two calls.
static void hold(void)
{
    for (int i = 0; i < THREADS; i++) told[i].limit = 0;
    uint64_t question = ++asked;
    for (int i = 0; i < THREADS; i++) while (told[i].answered != question) usleep(100);
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    for (long i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, 0, run, (void *)i);
    }
    for (char line[100]; fgets(line, sizeof line, stdin);) {
        if (!strcmp(line, "free\n")) {
            for (int i = 0; i < THREADS; i++) told[i].limit = UINT64_MAX;
            puts("free");
        } else if (!strcmp(line, "calls\n")) say("calls");
        else if (!strncmp(line, "more ", 5)) {
            uint64_t more = strtoull(line + 5, 0, 10);
            hold();
            for (int i = 0; i < THREADS; i++) told[i].limit = done[i].calls + more;
            for (int i = 0; i < THREADS; i++) while (done[i].calls != told[i].limit) usleep(100);
            say("at");
        }
    }
    return 0;
}
