// A function whose unlikely part gcc splits off as work.cold, one leaf, and one that calls out.
#include <stdio.h>

__attribute__((noipa, cold)) int complain(int value, const char *what)
{
    fprintf(stderr, "%d %s\n", value, what);
    return value & 7;
}

__attribute__((noipa)) int work(int *values, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++) {
        if (values[i] < 0) sum ^= complain(values[i], "is negative") + count;
        sum += values[i] ^ (sum >> 3);
    }
    return sum;
}

__attribute__((noipa)) int leaf(int a, int b)
{
    return a * 31 + b;
}

int main(int argc, char **argv)
{
    int (*volatile chosen)(int *, int) = work;
    int values[4] = {argc, 2, 3, argc};
    (void)argv;
    printf("%d %d\n", chosen(values, 4), leaf(argc, 5));
    return 0;
}
