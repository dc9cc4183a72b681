// Calls of known shape, deep and without frame pointers. "KIND N" makes N calls of s_leaf in a shape, in as many threads as there are after the third word, and answers "ok".
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static volatile long sink;

struct Shape {
    virtual ~Shape() {}
    virtual long at(long) = 0;
};

extern "C" {

__attribute__((noipa)) long s_leaf(long kind)
{
    sink = sink + kind;
    return sink;
}

__attribute__((noipa)) long s_saves(long kind, long a, long b, long c)
{
    // All that calls keep is in use across the call, and the stack pointer has moved by what is not known beforehand.
    char *room = (char *)alloca((kind & 0xff) * 3);
    memset(room, 1, (kind & 0xff) * 3);
    long x = a * 3, y = b * 5, z = c * 7;
    long result = s_leaf(kind);
    return result + x + y + z + room[kind & 7];
}

__attribute__((noipa)) long s_recurses(long kind, long depth)
{
    char room[40];
    memset(room, (int)depth, sizeof room);
    asm volatile("" : : "r"(room) : "memory");
    long below = depth > 0 ? s_recurses(kind, depth - 1) : s_leaf(kind);
    return below + room[depth & 31];
}

static void s_handler(int) { s_leaf('s'); sink = sink + 1; }

static int s_compare(const void *a, const void *b)
{
    s_leaf('q');
    return *(const int *)a - *(const int *)b;
}

static thread_local ucontext_t back, forth;
static void s_coroutine() { s_leaf('c'); sink = sink + 1; }

}

struct Deep : Shape {
    __attribute__((noipa)) long at(long kind) override { return s_saves(kind, kind, sink, kind + 1) + 1; }
};

extern "C" {

__attribute__((noipa)) long s_virtual(Shape *shape, long kind) { return shape->at(kind) + 2; }

__attribute__((noipa)) void s_signals(int stack)
{
    struct sigaction action = {};
    stack_t other = {};
    other.ss_size = 1 << 16;
    other.ss_sp = malloc(other.ss_size);
    if (stack) sigaltstack(&other, nullptr);
    action.sa_handler = s_handler;
    action.sa_flags = stack ? SA_ONSTACK : 0;
    sigaction(SIGUSR1, &action, nullptr);
    pthread_kill(pthread_self(), SIGUSR1);
    other.ss_flags = SS_DISABLE;
    if (stack) sigaltstack(&other, nullptr);
    free(other.ss_sp);
}

__attribute__((noipa)) void s_switches()
{
    void *room = malloc(1 << 16);
    getcontext(&forth);
    forth.uc_stack.ss_sp = room;
    forth.uc_stack.ss_size = 1 << 16;
    forth.uc_link = &back;
    makecontext(&forth, s_coroutine, 0);
    swapcontext(&back, &forth);
    free(room);
}

static char kind[8];
static long rounds;

__attribute__((noipa)) void *s_run(void *unused)
{
    Deep deep;
    for (long i = 0; i < rounds; i++) {
        int numbers[] = { 3, 1, 2 };
        switch (*kind) {
        case 'd': s_virtual(&deep, 'd'); break;
        case 'r': s_recurses('r', 20); break;
        case 'R': s_recurses('R', 2000); break;
        case 's': s_signals(0); break;
        case 'a': s_signals(1); break;
        case 'q': qsort(numbers, 3, sizeof *numbers, s_compare); break;
        case 'c': s_switches(); break;
        }
        usleep(30000);
    }
    sink = sink + 1;
    return unused;
}

}

int main()
{
    int threads;
    while (scanf("%7s %ld %d", kind, &rounds, &threads) == 3) {
        pthread_t made[16];
        for (int t = 0; t < threads && t < 16; t++) pthread_create(&made[t], nullptr, s_run, nullptr);
        if (threads == 0) s_run(nullptr);
        for (int t = 0; t < threads && t < 16; t++) pthread_join(made[t], nullptr);
        puts("ok");
        fflush(stdout);
    }
}
