/* Every kind of control flow that gcc makes of C: switches dense, biased, nested, in loops, over bytes; tail calls; cold paths; endless loops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

NOINLINE int leaf(int x) { return x * 3 + 1; }
NOINLINE int leaf2(int x) { return x ^ 0x55; }
NOINLINE int tail(int x) { return leaf(x + 1); }

NOINLINE int dense(int a, int b)
{
    switch (a) {
    case 0: return leaf(b);
    case 1: return leaf2(b) + 1;
    case 2: return leaf(b) * 3;
    case 3: return b ^ 7;
    case 4: return leaf2(b + 2) - 1;
    case 5: return 9 + b;
    case 6: puts("six"); return b;
    }
    return 0;
}

NOINLINE int biased(int a, int b)
{
    switch (a) {
    case 100: b = leaf(b); break;
    case 101: b += 17; break;
    case 102: b = leaf2(b); break;
    case 104: b *= b; break;
    case 105: b -= leaf(b) * 7; break;
    case 107: b ^= leaf2(b); break;
    default: b = 0;
    }
    return b + 1;
}

NOINLINE long interpret(const unsigned char *code, long *stack)
{
    long top = 0;
    for (;;) {
        switch (*code++) {
        case 'a': top += *stack--; break;
        case 'b': top -= *stack--; break;
        case 'c': *++stack = top; break;
        case 'd': top = code[0]; code++; break;
        case 'e': if (top) code += 2; break;
        case 'f': top = leaf((int)top); break;
        case 'g': top = ~top; break;
        case 'h': top = dense((int)top, 3); break;
        case 'i': return top;
        case 'j': abort();
        }
    }
}

NOINLINE int nested(int a, int b, int c)
{
    int sum = 0;
    for (int i = 0; i < c; i++) {
        switch (a & 7) {
        case 0: sum += leaf(i); break;
        case 1: switch (b) { case 1: sum++; break; case 2: sum += leaf2(i); break; case 3: sum -= i; break; case 4: sum ^= i; break; case 5: sum = leaf(sum); break; } break;
        case 2: sum -= leaf2(sum); break;
        case 3: sum += a; break;
        case 4: sum *= 3; break;
        case 5: sum = leaf(sum) + b; break;
        case 6: continue;
        case 7: return sum;
        }
    }
    return sum;
}

NOINLINE int checked(const char *text)
{
    if (__builtin_expect(text == NULL, 0)) { fprintf(stderr, "no text\n"); exit(3); }
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) if (text[i] == '%') return (int)i;
    return -1;
}

NOINLINE void sort(int *numbers, int count)
{
    for (int i = 1; i < count; i++) {
        int key = numbers[i], j = i - 1;
        while (j >= 0 && numbers[j] > key) { numbers[j + 1] = numbers[j]; j--; }
        numbers[j + 1] = key;
    }
}

int main(int count, char **arguments)
{
    unsigned char code[] = "d1cd2afgi";
    long stack[16] = { 0 };
    int numbers[] = { 3, 1, 2 };
    sort(numbers, 3);
    printf("%d %d %ld %d %d %d\n", dense(count, 2), biased(100 + count, 3), interpret(code, stack + 1), nested(count, 2, 9),
        checked(arguments[0]), tail(numbers[0]));
    return 0;
}
