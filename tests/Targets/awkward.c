// Functions that cannot be changed, each for a reason of its own, in a program that calls them for ever.
#include <stdio.h>
#include <unistd.h>

int twin_of_another_file(int);

__asm__(".text\n.globl tiny\n.type tiny, @function\ntiny: .cfi_startproc\n ret\n .cfi_endproc\n.size tiny, . - tiny\n"
        ".globl neighbour\n.type neighbour, @function\nneighbour: .cfi_startproc\n mov %edi, %eax\n ret\n .cfi_endproc\n.size neighbour, . - neighbour\n"
        ".globl wild\n.type wild, @function\nwild: .cfi_startproc\n push %rbx\n .cfi_adjust_cfa_offset 8\n test %rsi, %rsi\n jz 1f\n jmp *%rdi\n1: pop %rbx\n .cfi_adjust_cfa_offset -8\n ret\n .cfi_endproc\n.size wild, . - wild\n");
void tiny(void);
int neighbour(int);
void wild(void (*)(void), long);

__attribute__((noinline, used)) static int twin(int x) { return x * 3 + 1; }

int main(void)
{
    volatile int sum = 0;
    puts("ready");
    fflush(stdout);
    for (;;) {
        for (int i = 0; i < 1000; i++) {
            tiny();
            wild(tiny, 0);
            sum += twin(neighbour(i)) + twin_of_another_file(i);
        }
        usleep(1000);
    }
}
