# Functions by what their callers must know of them. Conventions are their own on purpose.
    .intel_syntax noprefix
    .macro begin name
    .p2align 4
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    .endm
    .macro end name
    .cfi_endproc
    .size \name, . - \name
    .endm

    .text
begin _start
    ret
end _start

begin leaf
    mov eax, edi
    ret
end leaf

begin low_byte
    mov al, dil
    ret
end low_byte

begin reads_carry
    setc al
    ret
end reads_carry

begin saves_it
    push rcx
    xor ecx, ecx
    pop rcx
    ret
end saves_it

begin one_path
    test edi, edi
    je 1f
    mov r8, rsi
1:  ret
end one_path

begin odd_registers
    lea rax, [r10+r11]
    ret
end odd_registers

begin overwrites_r11
    mov r11d, 1
    ret
end overwrites_r11

begin recursive
    test edi, edi
    je 1f
    dec edi
    call recursive
    add rax, r9
    mov r8, rax
    ret
1:  mov eax, 1
    mov r8d, 2
    ret
end recursive

begin even
    test edi, edi
    je 1f
    dec edi
    call odd
    ret
1:  mov eax, 1
    mov r9d, 1
    ret
end even

begin odd
    test edi, edi
    je 1f
    dec edi
    jmp even
1:  mov eax, ecx
    ret
end odd

begin forever
    call forever
    ret
end forever

begin tail
    mov rsi, rdx
    jmp leaf
end tail

begin tail_or_not
    test dl, dl
    je leaf
    mov r8d, 1
    ret
end tail_or_not

begin spins
    mov edx, esi
1:  jmp 1b
end spins

begin ends_in_spins
    mov r8d, 1
    call spins
end ends_in_spins

begin ends_in_leaf
    mov r8d, 1
    call leaf
end ends_in_leaf

begin through_pointer
    mov r8d, 1
    call rax
    mov r9d, 1
    ret
end through_pointer

begin system_call
    mov eax, 39
    syscall
    ret
end system_call

begin clears_upper
    vzeroupper
    ret
end clears_upper

begin vex
    vxorps xmm3, xmm3, xmm3
    xorps xmm4, xmm4
    ret
end vex

begin returns_elsewhere
    mov r8d, 1
    push rax
    ret
end returns_elsewhere

begin overwrites_return
    mov r8d, 1
    mov [rsp], rax
    ret
end overwrites_return

begin pushes_return
    mov r8d, 1
    push rcx
    jmp leaf
end pushes_return

begin unparsed
    mov r8d, 1
    .byte 0x06
    ret
end unparsed

begin calls_unparsed
    mov r9d, 1
    call unparsed
    ret
end calls_unparsed

begin entered
    mov r8d, 1
entered_behind:
    mov eax, r8d
    ret
end entered

begin calls_inside
    call entered_behind
    ret
end calls_inside

begin signal_return
    mov rax, 15
    syscall
    ret
end signal_return

begin through_stub
    mov eax, 1
    call stub
    ret
end through_stub

# What callers see of it: "before" is live before the call.
begin keeps_in_r11
    mov r11, rdi
    mov edi, 1
    call leaf
    add rax, r11
    ret
end keeps_in_r11

begin loses_r11
    mov r11, rdi
    mov edi, 1
    call overwrites_r11
    add rax, r11
    ret
end loses_r11

begin keeps_carry
    cmp esi, edx
    call leaf
    adc eax, 0
    ret
end keeps_carry

begin passes_carry
    cmp esi, edx
    call reads_carry
    test eax, eax
    ret
end passes_carry

begin loses_carry
    cmp esi, edx
    call one_path
    ret
end loses_carry

    .p2align 4
stub:
    jmp qword ptr [rip+slot]

    .data
    .p2align 3
slot: .quad leaf
    .section .note.GNU-stack,"",@progbits
