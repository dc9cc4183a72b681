// Functions of the shape of functions.c, which call what the compiler and hand-written code call by conventions of their own.
#include <string.h>

#define F(name) __attribute__((noinline)) long name(long a, long b, long c, unsigned char *m, double x, double y)
#define OWN static __attribute__((noinline))

enum { ROOM = 1 << 22 };
const int room_bytes = ROOM;
__attribute__((aligned(4096))) char room[ROOM];

__asm__(
    ".text\n"
    ".macro own name\n .type \\name, @function\n \\name:\n .endm\n"
    ".macro done name\n .size \\name, . - \\name\n .endm\n"
    "own odd_add\n lea (%r10,%r11), %rax\n ret\n done odd_add\n"
    "own in_r9\n lea 3(%rdi), %r9\n ret\n done in_r9\n"
    "own less\n cmp %rsi, %rdi\n ret\n done less\n"
    "own with_carry\n adc $0, %rax\n ret\n done with_carry\n"
    "own halves\n mov %cl, %al\n mov %dl, %ah\n ret\n done halves\n"
    "own one_path\n test $1, %dil\n je 1f\n mov %rsi, %r8\n 1: ret\n done one_path\n"
    "own jumps_on\n imul $3, %r10, %r10\n jmp odd_add\n done jumps_on\n"
    "own counts_down\n test %edi, %edi\n je 1f\n dec %edi\n add %r9, %rax\n call counts_down\n xor %r9, %rax\n 1: ret\n done counts_down\n"
    "own upper\n vzeroupper\n ret\n done upper\n");

F(odd_registers)
{
    register long p __asm__("r10") = a; register long q __asm__("r11") = b; long s;
    __asm__ volatile("call odd_add" : "=a"(s) : "r"(p), "r"(q) : "cc");
    return s ^ c;
}

F(result_in_r9)
{
    register long r __asm__("r9");
    __asm__ volatile("call in_r9" : "=r"(r) : "D"(a) : "cc");
    return r * b + c;
}

F(flags_as_result)
{
    unsigned char s;
    __asm__ volatile("call less\n setl %0" : "=r"(s) : "D"(a), "S"(b) : "cc");
    return s + c;
}

F(flags_as_argument)
{
    long s = c;
    __asm__ volatile("cmp %2, %1\n call with_carry" : "+a"(s) : "r"(a), "r"(b) : "cc");
    return s;
}

F(kept_in_r11)
{
    register long q __asm__("r11") = c; long s;
    register long p __asm__("r10") = a;
    __asm__ volatile("call odd_add\n imul $7, %%r11\n call odd_add" : "=a"(s), "+r"(q) : "r"(p) : "cc");
    return s + q;
}

F(half_registers)
{
    long s = c;
    __asm__ volatile("call halves" : "+a"(s) : "c"(a), "d"(b) : "cc");
    return s;
}

F(on_one_path)
{
    register long r __asm__("r8") = c;
    __asm__ volatile("call one_path" : "+r"(r) : "D"(a), "S"(b) : "cc");
    return r - a;
}

F(through_a_jump)
{
    register long p __asm__("r10") = a; register long q __asm__("r11") = b; long s;
    __asm__ volatile("call jumps_on" : "=a"(s), "+r"(p) : "r"(q) : "cc");
    return s + p * c;
}

F(down_and_up)
{
    register long k __asm__("r9") = b; long s = c, n = a & 15;
    __asm__ volatile("call counts_down" : "+a"(s), "+D"(n) : "r"(k) : "cc");
    return s;
}

F(low_halves_of_vectors)
{
    double r = x;
    __asm__ volatile("movapd %1, %%xmm9\n call upper\n addsd %%xmm9, %0" : "+x"(r) : "x"(y) : "cc", "xmm9");
    memcpy(m, &r, 8);
    return a;
}

// What the compiler makes of functions that it sees all callers of: arguments dropped, split and passed in parts, values kept in registers over calls.
struct pair { long a, b; };
OWN long only_first(struct pair *p, long unused) { return p->a * 5; }
OWN long three(long k, long v) { return k == 3 ? v * 3 + 1 : v - k; }
OWN long plain(long a, long b) { return a * 31 ^ b; }
OWN long both(long a, long *out) { *out = a + 1; return a * a; }
OWN int is_odd(unsigned n);
OWN int is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1) ^ (n == 77); }
OWN int is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1) | (n == 99); }
OWN double scaled(double v, long k) { return v * k + 0.5; }
OWN void ends(long code) { if (code == 0x7fff123456789) __builtin_trap(); }

F(parts_of_a_struct) { struct pair p = { a, b }; struct pair q = { c, a }; return only_first(&p, b) + only_first(&q, c); }
F(constant_argument) { return three(3, a) + three(3, b) * 2 + three(3, c); }
F(values_over_calls) { long s = plain(a, b); long t = plain(b, c); return s + t * a + plain(c, s) * b + plain(t, a) * c; }
F(result_through_memory) { long q; long r = both(a, &q); return r + q * b - c; }
F(mutual) { return is_even(a & 63) * 2 + is_odd(b & 63) + (c & 4); }
F(doubles_over_calls) { double r = scaled(x, a & 7) + y; r += scaled(r, b & 3) * x; memcpy(m, &r, 8); return (c & 1) ? a : b; }
F(loop_of_calls) { long s = c; for (int i = 0; i < (a & 15); i++) { s = plain(s, b + i); if (s & 1) ends(s); m[i] ^= s; } return s; }
F(library_calls) { memmove(m + 3, m, 60); return plain(a, b) + (long)strnlen((char *)m, 100) + memcmp(m, m + 64, 32) * c; }
