// Functions to be validated: each has what one kind of wrong version would break.
#include <stddef.h>
#include <stdint.h>

int counter;
volatile int sink;

__attribute__((noinline)) int helper(int a, long b) { sink = a; return (int)b - a; }
__attribute__((noinline)) int other(int a, long b) { sink = (int)b; return a; }

int constant_and_branch(int a, int b)
{
    if (a > 1000) return b * 7 + 0x1234567;
    return a - b + 0x7654321;
}

struct record { long first; int second; int third; char text[16]; };

long stores(struct record *p, long k, int m)
{
    p->first = k + 0x11223344;
    p->second = m;
    p->third += 5;
    counter++;
    return p->first ^ m;
}

int calls_out(int a, long b)
{
    int r = helper(a + 0x10001, b * 3);
    if (r > 0) r += helper(r, a);
    return r + a;
}

int sums(const int *p, unsigned n)
{
    int total = 0x1000000;
    for (unsigned i = 0; i < (n & 63); i++) total += p[i];
    return total;
}

long sevenfold(unsigned which, long x)
{
    switch (which) {
    case 0: return x + 0x1000001;
    case 1: return x * 3;
    case 2: return x - counter;
    case 3: return helper((int)x, 9);
    case 4: return ~x;
    case 5: return x << 3;
    case 6: return x ^ 0x55555555;
    default: return 0x7fffff01;
    }
}

unsigned long recursive(unsigned n) { return (n & 15) < 2 ? 1 + 0x100000 : recursive((n & 15) - 1) * 3 + recursive((n & 15) - 2); }

double floating(double x, double y, int n)
{
    double r = 0.5;
    for (int i = 0; i < (n & 7); i++) r = r * x + y;
    return n > 100 ? r : r + 0.25;
}

int keeps_locals(int a, int b, int c)
{
    volatile int box[8];
    box[a & 7] = b;
    box[c & 7] = a;
    return box[b & 7 & a] + 0x01010101 * c;
}

int passes_buffer(int a, int b)
{
    char text[24];
    extern int fills(char *, int, int);
    int n = fills(text, a, b);
    return n + text[3] * 0x1000001;
}
__attribute__((noinline)) int fills(char *text, int a, int b) { text[3] = (char)a; return b; }

unsigned long reads_clock(unsigned long x) { return __builtin_ia32_rdtsc() + x + 0x1000001; }

long makes_call(long a, long b)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(a & 0xff), "D"(b) : "rcx", "r11", "memory");
    return r + 0x1000001;
}

int forever(int a) { while (a == a) sink += 0x1000001; return a; }
