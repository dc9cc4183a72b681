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
    .macro cases prefix
\prefix\()0: mov eax, 1
    ret
\prefix\()1: mov eax, 2
    ret
\prefix\()2: mov eax, 3
    ret
    .endm
    .macro quads prefix
    .quad \prefix\()0, \prefix\()1, \prefix\()2
    .endm
    .macro longs table, prefix
\table: .long \prefix\()0 - \table, \prefix\()1 - \table, \prefix\()2 - \table
    .endm

    .text
begin _start
    ret
end _start

begin abort
    hlt
end abort

begin diamond
    test edi, edi
    je 1f
    mov eax, 1
    jmp 2f
1:  mov eax, 2
2:  ret
end diamond

begin data_in_text
    jmp 1f
    .byte 0x06, 0x06, 0x06, 0x06
1:  ret
end data_in_text

begin entry_is_loop
    dec edi
    jne entry_is_loop
    ret
end entry_is_loop

begin absolute_table
    cmp edi, 2
    ja 9f
    mov edi, edi
    jmp [absolute_table_data + rdi*8]
cases aa
9:  ret
end absolute_table

begin absolute_table_in_register
    and edi, 1
    mov rax, [absolute_in_register_data + rdi*8]
    jmp rax
cases ar
end absolute_table_in_register

begin relative_table
    cmp edi, 2
    ja 9f
    mov edi, edi
    lea rdx, [rip + relative_table_data]
    movsxd rax, dword ptr [rdx + rdi*4]
    add rax, rdx
    notrack jmp rax
cases re
9:  ret
end relative_table

begin relative_table_base_hoisted
    lea rdx, [rip + hoisted_data]
1:  mov eax, [rsi]
    add rsi, 4
    cmp eax, 2
    ja 9f
    movsxd rax, dword ptr [rdx + rax*4]
    add rax, rdx
    jmp rax
ho0: jmp 1b
ho1: mov edi, 1
    jmp 1b
ho2: mov edi, 2
    jmp 1b
9:  ret
end relative_table_base_hoisted

begin two_tables_one_base
    lea rdx, [rip + shared_base_data]
    cmp edi, 2
    ja 9f
    mov eax, edi
    test esi, esi
    je 1f
    movsxd rax, dword ptr [rdx + rax*4]
    add rax, rdx
    jmp rax
1:  movsxd rcx, dword ptr [rdx + rax*4]
    add rcx, rdx
    jmp rcx
cases sb
9:  ret
end two_tables_one_base

begin byte_compare
    movzx eax, byte ptr [rdi]
    cmp al, 2
    ja 9f
    jmp [byte_compare_data + rax*8]
cases bc
9:  ret
end byte_compare

begin biased
    sub edi, 5
    cmp edi, 2
    ja 9f
    jmp [biased_data + rdi*8]
cases bi
9:  ret
end biased

begin biased_and_compared_before
    lea eax, [rdi + 3]
    cmp edi, -3
    jb 9f
    jmp [biased_before_data + rax*8]
cases bb
9:  ret
end biased_and_compared_before

begin compared_in_memory
    cmp dword ptr [rdi + 8], 2
    ja 9f
    mov eax, [rdi + 8]
    jmp [in_memory_data + rax*8]
cases me
9:  ret
end compared_in_memory

begin compared_through_a_copy
    mov eax, edi
    cmp edi, 2
    ja 9f
    xor edi, edi
    jmp [copy_data + rax*8]
cases co
9:  ret
end compared_through_a_copy

# The index depends on what it was the last time round, through the table.
begin index_of_the_round_before
    nop
1:  or edx, ecx
    movzx eax, dl
    jmp [round_before_data + rax*8]
rb0: inc ecx
    jmp 1b
end index_of_the_round_before

begin memory_written_between
    cmp dword ptr [rdi + 8], 2
    ja 9f
    mov [rsi], edx
    mov eax, [rdi + 8]
    jmp [written_data + rax*8]
cases mw
9:  ret
end memory_written_between

begin no_bound
    jmp [no_bound_data + rdi*8]
cases nb
end no_bound

begin bound_too_narrow
    cmp dil, 2
    ja 9f
    jmp [narrow_data + rdi*8]
cases na
9:  ret
end bound_too_narrow

begin bound_is_signed
    cmp edi, 2
    jg 9f
    mov edi, edi
    jmp [signed_data + rdi*8]
cases si
9:  ret
end bound_is_signed

begin bound_on_one_path_only
    test esi, esi
    je 1f
    cmp edi, 2
    ja 9f
1:  mov edi, edi
    jmp [one_path_data + rdi*8]
cases op
9:  ret
end bound_on_one_path_only

begin bound_is_of_a_later_value
    mov eax, edi
    jmp 3f
1:  cmp edi, 2
    ja 9f
    test edx, edx
    jne 2f
3:  mov edi, [rsi]
    jmp 1b
2:  jmp [later_data + rax*8]
cases la
9:  ret
end bound_is_of_a_later_value

begin index_changed_by_a_call
    mov eax, edi
    cmp eax, 2
    ja 9f
    call diamond
    jmp [by_call_data + rax*8]
cases bl
9:  ret
end index_changed_by_a_call

begin writable_table
    cmp edi, 2
    ja 9f
    mov edi, edi
    jmp [writable_data + rdi*8]
cases wr
9:  ret
end writable_table

begin table_leads_outside
    cmp edi, 3
    ja 9f
    mov edi, edi
    jmp [outside_data + rdi*8]
cases ou
9:  ret
end table_leads_outside

    .macro open_switch name, table, prefix
begin \name
    mov edi, edi
    lea rdx, [rip + \table]
    movsxd rax, dword ptr [rdx + rdi*4]
    add rax, rdx
    jmp rax
cases \prefix
\name\()_close:
end \name
    .endm

# No comparison: the table ends where the next one begins, where what code names follows its padding, or nowhere that is known.
open_switch open_before_table, open_1_data, ob
open_switch open_before_padding, open_2_data, od
open_switch open_with_hole, open_3_data, oh
open_switch open_before_unnamed, open_4_data, ox
open_switch open_before_named_in_the_midst, open_5_data, om

begin names_data
    lea rax, [rip + open_named_data]
    lea rdx, [rip + open_in_the_midst]
    ret
end names_data

begin byte_open
    movzx edi, dil
    lea rdx, [rip + open_6_data]
    movsxd rax, dword ptr [rdx + rdi*4]
    add rax, rdx
    jmp rax
cases oy
end byte_open

begin spilled_base
    lea rdx, [rip + spilled_data]
    push rdx
    cmp edi, 2
    ja 9f
    mov edi, edi
    mov rcx, [rsp]
    movsxd rax, dword ptr [rcx + rdi*4]
    add rax, rcx
    jmp rax
cases sp
9:  pop rdx
    ret
end spilled_base

begin middle_of_instruction
    je 1f + 1
1:  mov eax, 0xc3c3c3c3
    ret
end middle_of_instruction

begin undecodable
    .byte 0x06
    ret
end undecodable

begin checks_and_runs_out
    cmp edi, 1
    jb aborts
end checks_and_runs_out

begin runs_out
    mov eax, 1
end runs_out

begin ends_in_a_call
    push rbx
    call rdi
end ends_in_a_call

begin aborts
    call abort
    .byte 0x06
end aborts

# A function of the program's own that only has the name of the library's.
begin err
    test edi, edi
    je 1f
    hlt
1:  ret
end err

begin calls_own_err
    call err
    mov eax, 1
    ret
end calls_own_err

begin dies_through_two
    test edi, edi
    je 1f
    ud2
1:  jmp aborts
end dies_through_two

begin calls_what_never_returns
    call dies_through_two
    .byte 0x06
end calls_what_never_returns

begin recursive_a
    call recursive_b
    ret
end recursive_a

begin recursive_b
    test edi, edi
    jne 1f
    call recursive_a
1:  ret
end recursive_b

begin calls_what_may_return
    call recursive_b
    .byte 0x06
end calls_what_may_return

begin indirect_tail_call
    push rbp
    mov rbp, rsp
    and rsp, -32
    sub rsp, 64
    mov rax, [rdi]
    leave
    jmp [rax + 16]
end indirect_tail_call

begin frame_not_gone
    push rbx
    mov rax, [rdi]
    jmp rax
end frame_not_gone

begin label_taken
    lea rax, [rip + 1f]
    jmp rdi
1:  ret
end label_taken

begin calls_its_inside
    call 1f
1:  pop rax
    ret
end calls_its_inside

begin transaction
    xbegin 1f
1:  ret
end transaction

begin tail_jumps
    test edi, edi
    je diamond
    jmp biased
end tail_jumps

begin unset_target
    jmp 0x10
end unset_target

begin split
    test edi, edi
    jne split_cold
1:  ret
split_back:
    mov eax, 2
    ret
end split

# A restartable sequence, as librseq lays it out.
begin restartable
    lea rax, [rip + sequence_data]
    mov [rdi + 8], rax
sequence_start:
    mov rcx, [rsi]
    mov [rdx], rcx
sequence_end:
    ret
end restartable

# As the Windows ABI wants it: rsi and xmm6 as they were, on both ways out.
begin restores_what_it_uses
    test edi, edi
    je 9f
    push rsi
    sub rsp, 16
    movups [rsp], xmm6
    mov esi, edi
    cvtsi2sd xmm6, esi
    cvttsd2si eax, xmm6
    movups xmm6, [rsp]
    add rsp, 16
    pop rsi
9:  ret
end restores_what_it_uses

# Brings its argument back from the stack to use it, and loses it on the other way.
begin reloads_its_argument
    mov [rsp - 8], rdi
    test esi, esi
    je 9f
    imul edi, esi
    mov eax, edi
    mov rdi, [rsp - 8]
    add eax, [rdi]
    ret
9:  mov edi, 1
    mov eax, edi
    ret
end reloads_its_argument

begin returns_in_r9
    lea r9, [rdi + rsi]
    mov r8d, 5
    ret
end returns_in_r9

begin returns_it_too
    inc rdi
    jmp returns_in_r9
end returns_it_too

begin reads_r9
    call returns_it_too
    mov rax, r9
    mov r8, rax
    ret
end reads_r9

# Entered behind its first instruction by another function.
begin jumped_into
    mov eax, esi
jumped_into_middle:
    add eax, edi
    ret
end jumped_into

begin jumps_in
    mov eax, 7
    jmp jumped_into_middle
end jumps_in

    .section .text.unlikely, "ax"
split_cold:
    .cfi_startproc
    .cfi_def_cfa_offset 16
    mov eax, 3
    jmp split_back
    .cfi_endproc

    .section .rodata
    .p2align 3
absolute_table_data: quads aa
absolute_in_register_data: quads ar
byte_compare_data: quads bc
biased_data: quads bi
biased_before_data: quads bb
in_memory_data: quads me
copy_data: quads co
written_data: quads mw
no_bound_data: quads nb
narrow_data: quads na
signed_data: quads si
one_path_data: quads op
later_data: quads la
by_call_data: quads bl
round_before_data:
    .rept 256
    .quad rb0
    .endr
outside_data: quads ou
    .quad diamond + 2
longs relative_table_data, re
longs hoisted_data, ho
longs shared_base_data, sb
longs spilled_data, sp
open_5_data: .long om0 - open_5_data
open_in_the_midst: .long om1 - open_5_data, om2 - open_5_data
longs open_1_data, ob
longs open_6_data, oy
longs open_2_data, od
    .p2align 5
    .long 0
    .p2align 5
open_named_data: .long 0x12345678
# A value without code of its own leads to the function's end.
open_3_data: .long oh0 - open_3_data, open_with_hole_close - open_3_data, oh1 - open_3_data, oh2 - open_3_data
longs open_4_data, ox
    .long 0x12345678

    .data
writable_data: quads wr
    .section .note.GNU-stack,"",@progbits

    .section .data
    .p2align 5
sequence_data: .long 0, 0
    .quad sequence_start, sequence_end - sequence_start, diamond
