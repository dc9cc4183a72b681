// A function that gcc compiles to a jump table, in a program that only waits.
#include <stdio.h>
#include <unistd.h>

volatile int sink;

__attribute__((noinline)) long helper(long a, long b) { sink = (int)a; return b - a; }

__attribute__((noinline)) long choose(unsigned which, long x)
{
    long y = x + 0x1000001;
    switch (which) {
    case 0: return y * 3;
    case 1: return y - sink;
    case 2: return helper(y, 9) + 1;
    case 3: return helper(y, 10) + 1;
    case 4: return ~y;
    case 5: return y << 3;
    case 6: return y ^ 0x55555555;
    default: return 0x7fffff01;
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    printf("%ld\n", choose((unsigned)argc, argc));
    fflush(stdout);
    pause();
    return 0;
}
