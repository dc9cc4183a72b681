// Functions whose last instructions no single store reaches: short, with another function right behind them and no padding near. "N T" runs each N times in each of T threads, holds the results against
// the same thing in C, and answers "ok", or the name of the function that was wrong. "0 -1" starts a thread that stays in a call of c_hold, and answers when it is there; "0 -2" lets it return.
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#define FUNCTION(name, body) ".globl " name "\n.type " name ",@function\n" name ":\n" body "\n.size " name ", . - " name "\n"
// What follows begins a cache line.
#define FILLER(name) FUNCTION(name, ".fill 190, 1, 0x90\n .balign 64, 0x90\n .fill 63, 1, 0x90\n ret")

__asm__(".text\n.p2align 6\n"
    FILLER("c_f0") FUNCTION("c_join", "test %edi, %edi\n mov $0x11223344, %eax\n je 1f\n lea 0x01020304(%rdi), %eax\n 1: ret")
    FILLER("c_f1") FUNCTION("c_call", "push %rbx\n mov %edi, %ebx\n call c_leaf\n pop %rbx\n ret")
    FILLER("c_f2") FUNCTION("c_loop", "xor %eax, %eax\n mov %edi, %ecx\n .byte 0x81, 0xe1, 15, 0, 0, 0\n 1: test %ecx, %ecx\n jz 2f\n add $0x01010101, %eax\n dec %ecx\n jmp 1b\n 2: ret")
    FILLER("c_f3") FUNCTION("c_recur", "push %rbx\n xor %eax, %eax\n .byte 0x81, 0xe7, 7, 0, 0, 0\n mov %edi, %ebx\n je 1f\n lea -1(%rdi), %edi\n call c_recur\n 1: add %ebx, %eax\n pop %rbx\n ret")
    FILLER("c_f4") FUNCTION("c_tail", "test %edi, %edi\n lea c_leaf(%rip), %rax\n jne 1f\n mov $9, %edi\n 1: jmp *%rax")
    FILLER("c_f5") FUNCTION("c_deep", "mov $0x0a0b0c0d, %eax\n test %edi, %edi\n je 1f\n cmp $3, %edi\n jne 2f\n 1: inc %eax\n 2: ret")
    FILLER("c_f6") FUNCTION("c_hold", "sub $8, %rsp\n call hold\n inc %eax\n pop %rcx\n ret")
    FILLER("c_f7") FUNCTION("c_switch", "mov %edi, %ecx\n and $3, %ecx\n lea 9f(%rip), %rdx\n movslq (%rdx,%rcx,4), %rax\n add %rdx, %rax\n jmp *%rax\n 2: xor %edi, %edi\n 1: mov %edi, %eax\n ret\n"
        ".pushsection .rodata\n.balign 4\n9: .long 1b - 9b, 2b - 9b, 1b - 9b, 2b - 9b\n.popsection")
    FILLER("c_f8") FUNCTION("c_leaf", "lea (%rdi,%rdi), %eax\n ret")
    FILLER("c_f9"));

typedef unsigned Function(unsigned);
Function c_join, c_call, c_loop, c_recur, c_tail, c_deep, c_hold, c_switch;

static sem_t there, go;

unsigned hold(unsigned x)
{
    sem_post(&there);
    sem_wait(&go);
    return x;
}

static unsigned expect(int function, unsigned x)
{
    switch (function) {
    case 0: return x ? x + 0x01020304 : 0x11223344;
    case 1: return 2 * x;
    case 2: return 0x01010101 * (x & 15);
    case 3: return (x & 7) * ((x & 7) + 1) / 2;
    case 4: return x ? 2 * x : 18;
    case 5: return x == 0 || x == 3 ? 0x0a0b0c0e : 0x0a0b0c0d;
    default: return x & 1 ? 0 : x;
    }
}

static Function *const functions[] = {c_join, c_call, c_loop, c_recur, c_tail, c_deep, c_switch};
static const char *const names[] = {"c_join", "c_call", "c_loop", "c_recur", "c_tail", "c_deep", "c_switch"};
enum { FUNCTIONS = sizeof functions / sizeof *functions };
static unsigned long rounds;

static void *run(void *unused)
{
    for (unsigned long i = 0; i < rounds; i++) {
        unsigned x = i % 20;
        for (int f = 0; f < FUNCTIONS; f++)
            if (functions[f](x) != expect(f, x)) return (void *)names[f];
    }
    return unused;
}

static void *stay(void *unused)
{
    return c_hold(41) == 42 ? unused : (void *)"c_hold";
}

int main(void)
{
    int threads;
    pthread_t held;
    sem_init(&there, 0, 0);
    sem_init(&go, 0, 0);
    while (scanf("%lu %d", &rounds, &threads) == 2) {
        pthread_t all[16];
        void *answer;
        const char *wrong = "ok";
        if (threads == -1) {
            pthread_create(&held, 0, stay, 0);
            sem_wait(&there);
        }
        if (threads == -2) {
            sem_post(&go);
            pthread_join(held, &answer);
            if (answer) wrong = answer;
        }
        for (int t = 0; t < threads; t++) pthread_create(&all[t], 0, run, 0);
        for (int t = 0; t < threads; t++) {
            pthread_join(all[t], &answer);
            if (answer) wrong = answer;
        }
        puts(wrong);
        fflush(stdout);
    }
    return 0;
}
