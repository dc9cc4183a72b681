// Does some of what it can do, as each line of input says, so that some of its lines are run and others not. Says "ready" before it reads, and "done" with a checksum after each line.
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf back;

// begin
static uint32_t classify(uint32_t x)
{
    switch (x % 9) {
    case 0: return x + 7;
    case 1: return x ^ 0x5a5a;
    case 2:
        x >>= 3;
        break;
    case 3: x *= 2654435761u;
        // fall through
    case 4: return (x << 5) | (x >> 27);
    case 7:
        if (x > 1000)
            return ~x;
        x++;
        break;
    default:
        return 1;
    }
    return x;
}

static unsigned fib(unsigned n)
{
    if (n < 2)
        return n;
    return fib(n - 1) + fib(n - 2);
}

static int fails(int depth)
{
    if (depth == 0)
        longjmp(back, 3);
    return depth;
}

static int guarded(int depth)
{
    int why = setjmp(back);
    if (why)
        return why * 100;
    int got = fails(depth);
    return got + 1;
}

static int never(int x)
{
    int y = x * 3;
    while (y > 10)
        y -= 3;
    return y;
}

static int by_name(const char *name)
{
    static const struct { const char *name; int value; } table[] = { { "one", 1 }, { "two", 2 }, { "three", 3 } };
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        if (!strcmp(table[i].name, name))
            return table[i].value;
    }
    return -1;
}

static uint32_t work(const char *line)
{
    char word[20];
    unsigned number = 0;
    uint32_t sum = 0;
    if (sscanf(line, "%19s %u", word, &number) < 1)
        return 0;
    if (!strcmp(word, "classify")) {
        for (unsigned i = 0; i < number; i++)
            sum += classify(i * 9 + i % 3);
    } else if (!strcmp(word, "fib")) {
        sum = fib(number);
    } else if (!strcmp(word, "guard")) {
        sum = guarded((int)number);
    } else if (!strcmp(word, "never")) {
        sum = never(number);
    } else {
        int value = by_name(word);
        sum = value < 0
            ? number
            : value * 2;
    }
    return sum;
}
// end

int main(void)
{
    char line[100];
    setvbuf(stdout, 0, _IOLBF, 0);
    puts("ready");
    while (fgets(line, sizeof line, stdin))
        printf("done %u\n", work(line));
    return 0;
}
