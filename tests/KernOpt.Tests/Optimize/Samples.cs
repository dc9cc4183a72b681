namespace KernOpt.Tests.Optimize;

/// <summary>Functions as programs have them, compiled by gcc -O2 for the tests.</summary>
internal static class Samples
{
    public const string Source = """
        #include <stdint.h>
        #include <string.h>

        /* Where the tests put versions. */
        __attribute__((aligned(4096))) unsigned char room[1 << 20];

        long filter(const unsigned char *p, long n, unsigned mode, unsigned divisor)
        {
            long sum = 0;
            for (long i = 0; i < n; i++) {
                unsigned v = p[i];
                switch (mode) {
                case 0: v += 3; break;
                case 1: v = v * 7 + 1; break;
                case 2: v ^= 0x5a; break;
                case 3: v = v * v + 1000003; break;
                case 4: v = (v << 3) - v; break;
                case 5: v = ~v; break;
                case 6: v = v > 100 ? v - 100 : v + 5; break;
                default: v = 1; break;
                }
                sum += v % divisor;
            }
            return sum;
        }

        uint64_t hash(const unsigned char *p, long n, uint64_t buckets)
        {
            uint64_t h = 14695981039346656037ull;
            for (long i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211ull;
            return h % buckets;
        }

        long quotients(const int *p, long n, int divisor)
        {
            long sum = 0;
            for (long i = 0; i < n; i++) { sum += p[i] / divisor; sum ^= p[i] % divisor; }
            return sum;
        }

        long wide(const long *p, long n, long divisor)
        {
            long sum = 0;
            for (long i = 0; i < n; i++) sum = sum * 31 + p[i] % divisor + p[i] / divisor;
            return sum;
        }

        int format(char *out, unsigned long value, unsigned base, int upper)
        {
            char digits[72]; int n = 0;
            const char *set = upper ? "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" : "0123456789abcdefghijklmnopqrstuvwxyz";
            do { digits[n++] = set[value % base]; value /= base; } while (value);
            for (int i = 0; i < n; i++) out[i] = digits[n - 1 - i];
            out[n] = 0;
            return n;
        }

        void multiply(float *out, const float *a, const float *b, int size)
        {
            for (int i = 0; i < size; i++)
                for (int j = 0; j < size; j++) {
                    float s = 0;
                    for (int k = 0; k < size; k++) s += a[i * size + k] * b[k * size + j];
                    out[i * size + j] = s;
                }
        }

        void copy(unsigned char *out, const unsigned char *in, long n, long stride, int width)
        {
            for (long i = 0; i < n; i++) {
                switch (width) {
                case 1: out[i] = in[i * stride]; break;
                case 2: memcpy(out + 2 * i, in + i * stride, 2); break;
                case 4: memcpy(out + 4 * i, in + i * stride, 4); break;
                case 8: memcpy(out + 8 * i, in + i * stride, 8); break;
                default: for (int k = 0; k < width; k++) out[i * width + k] = in[i * stride + k];
                }
            }
        }

        static const unsigned char next[4][4] = { {1,0,2,0}, {1,2,3,0}, {3,0,2,1}, {3,3,3,3} };
        int automaton(const unsigned char *p, long n, int start, unsigned mask)
        {
            int s = start & 3;
            for (long i = 0; i < n; i++) s = next[s][p[i] & mask & 3];
            return s;
        }

        long interpret(const unsigned char *code, long n, long x, int trace)
        {
            long a = x, b = 1;
            for (long i = 0; i < n; i++) {
                switch (code[i] & 7) {
                case 0: a += b; break;
                case 1: b += a; break;
                case 2: a ^= b << 3; break;
                case 3: a = a * 3; break;
                case 4: b = -b; break;
                case 5: a >>= 1; break;
                case 6: if (trace) a ^= i; break;
                case 7: { long t = a; a = b; b = t; break; }
                }
                if (trace > 1) b += a & 0xff;
            }
            return a ^ b;
        }

        unsigned select(unsigned x, unsigned kind)
        {
            switch (kind) {
            case 0: return x + 1; case 1: return x * 3; case 2: return x ^ 77; case 3: return x >> 3;
            case 4: return x * x; case 5: return x - 9; case 6: return ~x; default: return 0;
            }
        }

        extern long caller_sink;
        long caller_sink;
        __attribute__((noinline)) long scale(long x, long factor, unsigned mode) { return mode ? x * factor : x / factor; }
        long calls_with_constant(long x) { long r = scale(x, 16, 1); caller_sink = r; return r + 1; }
        long calls_with_variable(long x, long y) { long r = scale(x, y, 1); caller_sink = r; return r + 1; }

        /* A site (the load of 5) behind a prefix: each divides by rcx, and depends on flags or places that the prefix made. */
        __asm__(
            ".text\n"
            ".globl repeats_comparison\n .type repeats_comparison,@function\n repeats_comparison:\n"
            "  mov %rdi, %rax\n  cmp %rsi, %rax\n  mov $5, %r8d\n  jb 1f\n"
            "  lea (%rdx,%r8), %rax\n  xor %edx, %edx\n  div %rcx\n  lea (%rax,%rdx), %rax\n  ret\n"
            "1: lea 1(%rdx), %rax\n  ret\n  .size repeats_comparison, .-repeats_comparison\n"
            /* Two tables on one base, so that neither is a copy's own: its case 1 passes 7 where the way around them passes 16. */
            ".globl calls_after_tables\n .type calls_after_tables,@function\n calls_after_tables:\n"
            "  sub $8, %rsp\n  lea 9f(%rip), %rdx\n  cmp $1, %edi\n  ja 3f\n  mov %edi, %eax\n  test %ecx, %ecx\n  je 1f\n"
            "  movslq (%rdx,%rax,4), %rax\n  add %rdx, %rax\n  jmp *%rax\n"
            "1: movslq (%rdx,%rax,4), %r8\n  add %rdx, %r8\n  jmp *%r8\n"
            "2: mov $7, %esi\n  jmp 4f\n"
            "3: mov $16, %esi\n"
            "4: mov $1, %edx\n  call scale@PLT\n"
            "5: add $8, %rsp\n  ret\n  .size calls_after_tables, .-calls_after_tables\n"
            ".section .rodata\n .p2align 2\n 9: .long 5b - 9b, 2b - 9b\n .text\n"
            /* r10 is given back; r9 is a result for callers that know. Neither is the psABI's. */
            ".globl keeps_and_returns\n .type keeps_and_returns,@function\n keeps_and_returns:\n"
            "  mov %r10, -8(%rsp)\n  mov $5, %r8d\n  mov %rdi, %r10\n  lea (%r10,%r8), %rax\n  xor %edx, %edx\n  div %rcx\n"
            "  lea 3(%rax,%rdx), %r9\n  mov -8(%rsp), %r10\n  ret\n  .size keeps_and_returns, .-keeps_and_returns\n"
            ".globl keeps_sum_flags\n .type keeps_sum_flags,@function\n keeps_sum_flags:\n"
            "  add %rsi, %rdi\n  mov $5, %r8d\n  jc 1f\n"
            "  lea (%rdi,%r8), %rax\n  xor %edx, %edx\n  div %rcx\n  lea (%rax,%rdx), %rax\n  ret\n"
            "1: lea 1(%rdx), %rax\n  ret\n  .size keeps_sum_flags, .-keeps_sum_flags\n"
            ".globl moves_argument\n .type moves_argument,@function\n moves_argument:\n"
            "  push %rbx\n  mov %rcx, %rbx\n  xor %ecx, %ecx\n  mov $5, %r8d\n"
            "  lea (%rdi,%r8), %rax\n  add %rcx, %rax\n  xor %edx, %edx\n  div %rbx\n  lea (%rax,%rdx), %rax\n  pop %rbx\n  ret\n  .size moves_argument, .-moves_argument\n"
            ".globl uses_argument_before\n .type uses_argument_before,@function\n uses_argument_before:\n"
            "  lea (%rdi,%rsi), %r9\n  mov %rdi, %rcx\n  mov $5, %r8d\n"
            "  lea (%r9,%r8), %rax\n  xor %edx, %edx\n  xor %edi, %edi\n  or $1, %rcx\n  div %rcx\n  lea (%rax,%rdx), %rax\n  add %rdi, %rax\n  ret\n  .size uses_argument_before, .-uses_argument_before\n");
        """;
}
