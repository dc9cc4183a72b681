// Every function has the same shape, so that one caller can drive original and copy alike:
// integers of any value, 256 bytes that may be read and written, and two doubles that are numbers.
#include <string.h>
#include <stdlib.h>
#include <immintrin.h>

#define F(name) __attribute__((noinline)) long name(long a, long b, long c, unsigned char *m, double x, double y)

// Where the tests put their copies: in reach of the code by being of the same object.
enum { ROOM = 1 << 23 };
const int room_bytes = ROOM;
__attribute__((aligned(4096))) char room[ROOM];

static const long weights[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };

F(loop_sum) { long s = c; for (long i = 0; i < (a & 1023); i++) s += i * b ^ s >> 3; return s; }

F(nested_loops)
{
    long s = 0;
    for (int i = 0; i < (a & 15); i++)
        for (int j = i; j < (b & 31); j++) { if ((s ^ c) & 4) s += i * j; else s -= j; m[(i * 16 + j) & 255] ^= s; }
    return s;
}

F(switch_dense)
{
    switch (a & 15) {
    case 0: return b + c;      case 1: return b - c;       case 2: return b * c;       case 3: return b ^ c;
    case 4: return b & c;      case 5: return b | c;       case 6: m[b & 255]++; return 1;
    case 7: return (int)b;     case 8: return (short)b;    case 9: return b >> 7;      case 11: return ~b;
    case 12: m[c & 255] = a; return c << 5;                case 13: return b < c;      case 14: return b * 17;
    }
    return 99;
}

F(switch_in_loop)
{
    long s = b;
    for (int i = 0; i < 64; i++)
        switch (m[i] & 7) {
        case 0: s += c; break;     case 1: s -= i; break;       case 2: s ^= s << 1; break;   case 3: s = s * 3 + 1; break;
        case 4: s >>= 1; break;    case 5: m[i + 64] ^= s; break; case 6: s += m[i + 128]; break; case 7: return s;
        }
    return s;
}

static long scratch[16];
F(rip_relative) { scratch[a & 15] = b; scratch[(a + 1) & 15] = c; scratch[a & 15] -= a; return scratch[a & 15] * weights[b & 7] + weights[c & 7]; }

F(floating)
{
    double r = x;
    for (int i = 0; i < (a & 31); i++) { r = r * 0.5 + y; if (r > 100.0) r -= y * 3; else if (r < -1e6) r = 1.25; }
    memcpy(m, &r, 8);
    float f = (float)x * 3.5f; memcpy(m + 8, &f, 4);
    return r > 0 ? (long)(float)(b & 0xffff) : (int)c;
}

__attribute__((noinline)) long callee(long a, long b) { return a * 31 + (b ^ a); }
F(calls) { long s = callee(a, b); if (s & 1) s += callee(s, c); memmove(m + 1, m, 100); return s + (long)strnlen((char *)m, 200) + callee(c, s); }
F(recursion) { if ((a & 15) == 0) return b; return recursion((a & 15) - 1, b + c, c, m, x, y) * 3 + m[a & 15]; }
F(tail_call) { if (a & 1) return callee(b, c); return loop_sum(a, b, c, m, x, y); }

F(red_zone)
{
    volatile long t[10];
    for (int i = 0; i < 10; i++) t[i] = a + i * b;
    return t[c & 7] ^ t[(c + 1) & 7];
}

F(set_and_cmov)
{
    long r = (a < b) + ((unsigned long)a < (unsigned long)c) * 2 + (b == c) * 4 + ((int)a > (int)b) * 8;
    long q = a < b ? c : b; q = q > a ? q : a;
    return r * 1000003 + q;
}

F(wide)
{
    unsigned __int128 p = (unsigned __int128)(unsigned long)a * (unsigned long)b + (unsigned long)c;
    __int128 q = (__int128)a * b - c;
    memcpy(m, &p, 16);
    return (long)(p >> 64) ^ (long)p ^ (long)(q >> 70);
}

F(divide) { long d = c | 1; if (d == -1) d = 3; return a / d + (unsigned)b % ((unsigned)d | 1) + a % d; }

F(counter_loop)
{
    long n = (a & 63) + 1, s = b;
    __asm__ volatile("1: add %2, %1\n rol $3, %1\n loop 1b" : "+c"(n), "+r"(s) : "r"(c) : "cc");
    return s + n;
}

F(counter_skip)
{
    long n = a & 3, s = b;
    __asm__ volatile("jrcxz 1f\n add %2, %1\n imul $7, %1, %1\n 1: xor %2, %1" : "+c"(n), "+r"(s) : "r"(c) : "cc");
    return s;
}

F(narrow_counter)
{
    long n = (a & 7) | 0x500000000, s = b;
    __asm__ volatile("1: jecxz 2f\n lea 1(%1,%2), %1\n dec %%ecx\n jmp 1b\n 2:" : "+c"(n), "+r"(s) : "r"(c) : "cc");
    return s + n;
}

F(string_moves)
{
    void *d = m + 128, *s = m; long n = a & 63;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    d = m; n = b & 63;
    __asm__ volatile("repne scasb" : "+D"(d), "+c"(n) : "a"(c) : "memory", "cc");
    return n + ((unsigned char *)d - m);
}

F(prefixes)
{
    long s = a; int t = (int)b;
    __asm__ volatile("lock xaddq %0, (%1)" : "+r"(s) : "r"(m) : "memory", "cc");
    __asm__ volatile(".byte 0x66, 0x66, 0x48, 0x8d, 0x40, 0x05" : "+a"(s));
    __asm__ volatile("cs nopw 0x0(%%rax,%%rax,1)\n popcnt %1, %1\n bswap %1\n movw $0x1234, %%r8w\n add %%r8w, %w0" : "+r"(s), "+r"(t) : : "r8", "cc");
    return s + t;
}

__attribute__((target("avx2"), noinline)) long vectors(long a, long b, long c, unsigned char *m, double x, double y)
{
    __m256i s = _mm256_set1_epi64x(a);
    for (int i = 0; i < 8; i++) {
        __m256i v = _mm256_loadu_si256((__m256i *)(m + 32 * i));
        s = _mm256_add_epi32(_mm256_xor_si256(s, v), _mm256_slli_epi32(v, 3));
        if (_mm256_movemask_epi8(s) & b) _mm256_storeu_si256((__m256i *)(m + 32 * i), s);
    }
    return _mm256_extract_epi64(s, 0) + _mm256_extract_epi64(s, 3) + c;
}
