/* Switches of which the source says that nothing else can come: the compiler compares nothing before the table. */
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

#define CASES(a, b)                                                                                                                    \
    switch (a) {                                                                                                                       \
    case 0: return printf("0 %d\n", b);                                                                                                \
    case 1: return puts("one") * b;                                                                                                    \
    case 2: return abs(b) - 7;                                                                                                         \
    case 3: return rand() + b;                                                                                                         \
    case 4: return putchar(b) ^ 5;                                                                                                     \
    case 5: return atoi("12") | b;                                                                                                     \
    case 6: return (int)labs(b) << 3;                                                                                                  \
    default: __builtin_unreachable();                                                                                                  \
    }

NOINLINE int first(unsigned a, int b) { CASES(a, b + 1) }
NOINLINE int second(unsigned a, int b) { CASES(a, b * 3) }
NOINLINE int third(unsigned a, int b) { CASES(a, b ^ 9) }

int main(int count, char **arguments)
{
    (void)arguments;
    return (first(count % 7, 1) + second(count % 7, 2) + third(count % 7, 3)) & 1;
}
