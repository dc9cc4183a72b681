// Four threads call functions of several shapes for ever and check every result; a wrong one ends the program with 9.
// Prints the addresses; then answers "count" with how many rounds there were, "fork" with a child's pid that goes on alone, "quit" by ending.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile unsigned long rounds[4];
static volatile int data = 7;
static unsigned char table[256];

__attribute__((noinline)) unsigned long mix(unsigned long a, unsigned long b, int kind)
{
    switch (kind) {
    case 0: return a + b + 0x12345678;
    case 1: return a * b + 0x1234567;
    case 2: return a ^ (b << 7);
    case 3: return a - b * 3;
    case 4: return (a | b) + data;
    default: return a & b;
    }
}

__attribute__((noinline)) unsigned long sum(const unsigned char *bytes, unsigned long length, unsigned long step)
{
    unsigned long total = 0x1000001;
    for (unsigned long i = 0; i < length; i += step) total = total * 31 + bytes[i];
    return total;
}

__attribute__((noinline)) unsigned long tiny(unsigned a, unsigned b) { return a + b; }

__attribute__((noinline)) unsigned long deep(unsigned long n) { return n == 0 ? data : deep(n - 1) + mix(n, 3, 1) % 5; }

static unsigned long expect_mix(unsigned long a, unsigned long b, int kind)
{
    unsigned long all[] = { a + b + 0x12345678, a * b + 0x1234567, a ^ (b << 7), a - b * 3, (a | b) + 7, a & b };
    return all[kind > 5 ? 5 : kind];
}

static void *hammer(void *argument)
{
    long index = (long)argument;
    unsigned long expected_sum = 0x1000001, expected_deep = 7;
    for (int i = 0; i < 256; i += 2) expected_sum = expected_sum * 31 + table[i];
    for (unsigned long n = 1; n <= 20; n++) expected_deep += (n * 3 + 0x1234567) % 5;
    for (unsigned long i = 0;; i++) {
        int kind = i % 7;
        if (mix(i, i * 5, kind) != expect_mix(i, i * 5, kind)) exit(9);
        if (sum(table, 256, 2) != expected_sum) exit(9);
        if (tiny(i & 0xffff, 3) != (i & 0xffff) + 3) exit(9);
        if (i % 16 == 0 && deep(20) != expected_deep) exit(9);
        rounds[index] = i;
        if (i % 4096 == 0) usleep(50);
    }
}

static void start(void)
{
    for (long i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_create(&thread, 0, hammer, (void *)i);
    }
}

int main(void)
{
    char line[64];
    for (int i = 0; i < 256; i++) table[i] = (unsigned char)(i * 37);
    start();
    printf("mix=%lx sum=%lx tiny=%lx deep=%lx\n", (unsigned long)mix, (unsigned long)sum, (unsigned long)tiny, (unsigned long)deep);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "count", 5)) { printf("count=%lx\n", rounds[0] + rounds[1] + rounds[2] + rounds[3]); fflush(stdout); }
        if (!strncmp(line, "fork", 4)) {
            int child = fork();
            if (child == 0) { start(); for (;;) pause(); }
            printf("child=%x\n", child);
            fflush(stdout);
        }
        if (!strncmp(line, "quit", 4)) _exit(0);
    }
    return 0;
}
