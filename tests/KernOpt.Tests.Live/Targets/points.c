// Functions in assembly, one for each kind of instruction that is awkward to probe. "N T" runs each N times in each of T threads, holds the results against
// the same thing in C, and answers "ok", or the name of the function that was wrong.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION(name, body) __asm__(".text\n.p2align 6\n.globl " name "\n.type " name ",@function\n" name ":\n" body "\n.size " name ", . - " name "\n")

unsigned long p_data = 77, p_sum = 0;
unsigned char p_bytes[64];

FUNCTION("p_flags", "cmp $10, %edi\n mov $0x11111111, %eax\n jb 1f\n mov $0x22222222, %eax\n1: ret");
FUNCTION("p_redzone", "mov %rdi, -8(%rsp)\n mov %rdi, -128(%rsp)\n mov $5, %eax\n add -8(%rsp), %rax\n add -128(%rsp), %rax\n ret");
FUNCTION("p_rip", "lea p_data(%rip), %rax\n mov (%rax), %rax\n add %rdi, %rax\n ret");
FUNCTION("p_rep", "mov $16, %ecx\n lea p_bytes(%rip), %rsi\n lea -64(%rsp), %rdi\n rep movsb\n mov -64(%rsp), %rax\n ret");
FUNCTION("p_lock", "lock addq $1, p_sum(%rip)\n mov $1, %eax\n ret");
FUNCTION("p_call", "sub $8, %rsp\n call p_rip\n mov %rax, %rdi\n call *p_pointer(%rip)\n add $8, %rsp\n ret");
FUNCTION("p_loop", "xor %eax, %eax\n mov $7, %ecx\n1: add $0x12345, %rax\n test $3, %cl\n jz 2f\n add %rdi, %rax\n2: sub $1, %ecx\n jnz 1b\n ret");
FUNCTION("p_vex", "vmovq %rdi, %xmm0\n vpaddq p_wide(%rip), %xmm0, %xmm1\n vmovq %xmm1, %rax\n ret");
FUNCTION("p_endbr", "endbr64\n mov $0x1234567, %eax\n add %rdi, %rax\n ret");
FUNCTION("p_rcx", "mov $0x1000, %eax\n mov %rdi, %rcx\n and $3, %ecx\n jrcxz 1f\n add $0x11111, %eax\n ret\n1: add $0x22222, %eax\n ret");
FUNCTION("p_tail", "add $0x100000, %rdi\n jmp p_rip");
FUNCTION("p_carry", "add %rdi, %rdi\n mov $0, %eax\n adc $0, %rax\n mov $0x10000, %edx\n lea (%rax,%rdx), %rax\n ret");
FUNCTION("p_deep", "test %rdi, %rdi\n jz 1f\n push %rbx\n mov %rdi, %rbx\n lea -1(%rdi), %rdi\n call p_deep\n add %rbx, %rax\n pop %rbx\n ret\n1: mov $0x1000, %eax\n ret");
FUNCTION("p_push", "push %rbx\n push %rbp\n mov $0x1000, %ebx\n mov %rdi, %rbp\n lea (%rbx,%rbp), %rax\n pop %rbp\n pop %rbx\n ret");
FUNCTION("p_system", "mov $1000, %edi\n mov $0xfffff, %eax\n syscall\n mov %eax, %eax\n ret");
FUNCTION("p_sse", "movq %rdi, %xmm0\n pxor %xmm1, %xmm1\n paddq p_wide(%rip), %xmm0\n por %xmm1, %xmm0\n movq %xmm0, %rax\n ret");

// No long jump fits anywhere, and only two bytes of padding are within a short one's reach of p_hop's middle: from there the next padding is.
FUNCTION("p_hop", "xor %eax, %eax\n.rept 40\n add $1, %rax\n.endr\n jmp 1f\n1: xor %edx, %edx\n.rept 22\n add $1, %rax\n.endr\n jmp 2f\n .byte 0x66, 0x90\n"
    "2: .rept 22\n add $1, %rax\n.endr\n jmp 3f\n .byte 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x90\n3: .rept 40\n add $1, %rax\n.endr\n add %rdi, %rax\n add %rdx, %rax\n ret");

// Never called: not every processor has these instructions, and where the jump goes nobody knows.
FUNCTION("p_evex", "vpaddq %zmm1, %zmm0, %zmm2\n vpternlogq $0xff, %zmm3, %zmm3, %zmm3\n vmovdqu64 p_bytes(%rip), %ymm16\n vpaddd %xmm17, %xmm18, %xmm19 {%k1}{z}\n ret");
FUNCTION("p_unknown", "mov $0x1000, %eax\n push %rbx\n lea p_bytes(%rip), %rcx\n mov (%rcx,%rdi,8), %rax\n jmp *%rax\n pop %rbx\n ret");

// p_into comes in behind p_inner's first instruction.
FUNCTION("p_inner", "mov $0x1000, %eax\n.Lp_mid: add %rdi, %rax\n add $0x10000, %rax\n ret");
FUNCTION("p_into", "mov $5, %eax\n jmp .Lp_mid");

typedef unsigned long Function(unsigned long);
Function p_flags, p_redzone, p_rip, p_rep, p_lock, p_call, p_loop, p_vex, p_endbr, p_rcx, p_tail, p_carry, p_deep, p_inner, p_into, p_push, p_system, p_sse, p_hop;
Function *p_pointer = p_rip;
unsigned long p_wide[2] __attribute__((aligned(16))) = {1000, 2000};

static unsigned long bytes8(void) { unsigned long all; memcpy(&all, p_bytes, 8); return all; }
static unsigned long expect(int function, unsigned long x)
{
    switch (function) {
    case 0: return (unsigned)x < 10 ? 0x11111111 : 0x22222222;
    case 1: return 5 + 2 * x;
    case 2: return 77 + x;
    case 3: return bytes8();
    case 4: return 1;
    case 5: return 154 + x;
    case 6: return 7 * 0x12345UL + 6 * x;
    case 7: return x + 1000;
    case 8: return x + 0x1234567;
    case 9: return 0x1000 + (x & 3 ? 0x11111 : 0x22222);
    case 10: return 77 + x + 0x100000;
    case 11: return (x >> 63) + 0x10000;
    case 15: return 0x1000 + x;
    case 16: return (unsigned)-38; // ENOSYS
    case 17: return x + 1000;
    case 18: return 124 + x;
    case 13: return 0x11000 + x;
    case 14: return 0x10005 + x;
    default: return 0x1000 + (x % 8) * (x % 8 + 1) / 2;
    }
}

static Function *const functions[] = {p_flags, p_redzone, p_rip, p_rep, p_lock, p_call, p_loop, p_vex, p_endbr, p_rcx, p_tail, p_carry, p_deep, p_inner, p_into, p_push, p_system, p_sse, p_hop};
static const char *const names[] = {"p_flags", "p_redzone", "p_rip", "p_rep", "p_lock", "p_call", "p_loop", "p_vex", "p_endbr", "p_rcx", "p_tail", "p_carry", "p_deep", "p_inner", "p_into", "p_push", "p_system", "p_sse", "p_hop"};
enum { FUNCTIONS = sizeof functions / sizeof *functions };
static unsigned long rounds;

static void *run(void *unused)
{
    for (unsigned long i = 0; i < rounds; i++) {
        unsigned long x = i % 3 == 0 ? i * 0x9e3779b97f4a7c15UL : i % 20;
        for (int f = 0; f < FUNCTIONS; f++) {
            unsigned long argument = f == 12 ? x % 8 : x;
            if (functions[f](argument) != expect(f, x)) return (void *)names[f];
        }
    }
    return unused;
}

int main(void)
{
    for (int i = 0; i < 64; i++) p_bytes[i] = i * 7 + 1;
    int threads;
    while (scanf("%lu %d", &rounds, &threads) == 2) {
        pthread_t all[16];
        const char *wrong = "ok";
        for (int t = 0; t < threads; t++) pthread_create(&all[t], 0, run, 0);
        for (int t = 0; t < threads; t++) {
            void *answer;
            pthread_join(all[t], &answer);
            if (answer) wrong = answer;
        }
        puts(wrong);
        fflush(stdout);
    }
    return 0;
}
