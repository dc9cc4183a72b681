using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Target;
using KernOpt.Validate;
using Xunit;
using Opcode = Iced.Intel.Code;

namespace KernOpt.Tests.Live.Validate;

/// <summary>Every kind of wrong version is refused, and the refusal says what is wrong with it.</summary>
public sealed class PlantedBugTests(LoadedSubjects subjects, ITestOutputHelper output) : IClassFixture<LoadedSubjects>
{
    [Fact]
    public void A_wrong_constant_is_caught() => AssertCaught("rax is", subjects.Copy("constant_and_branch",
        code => Change(code, i => i.Immediate32 == 0x1234567 || i.MemoryDisplacement32 == 0x1234567, (ref Instruction i) =>
        {
            if (i.Op1Kind == OpKind.Memory) i.MemoryDisplacement64++;
            else i.Immediate32++;
        })));

    [Fact]
    public void A_swapped_branch_condition_is_caught() => AssertCaught("rax is", subjects.Copy("constant_and_branch",
        code => Change(code, i => i.FlowControl == FlowControl.ConditionalBranch, (ref Instruction i) => i.NegateConditionCode())));

    [Fact]
    public void An_off_by_one_in_a_condition_is_caught() => AssertCaught("rax is", subjects.Copy("constant_and_branch",
        code => Change(code, i => i.Mnemonic == Mnemonic.Cmp, (ref Instruction i) => i.Immediate32++)));

    [Fact]
    public void A_missing_store_is_caught() => AssertCaught("bytes at", subjects.Copy("stores",
        code => code.Remove(code.First(i => i.Op0Kind == OpKind.Memory && i.MemoryDisplacement64 == 8))));

    [Fact]
    public void A_missing_store_to_a_variable_is_caught() => AssertCaught("bytes at", subjects.Copy("stores",
        code => code.Remove(code.First(i => i.Op0Kind == OpKind.Memory && i.MemoryBase == Register.RAX))));

    [Fact]
    public void A_memory_write_that_is_off_by_one_is_caught() => AssertCaught("bytes at", subjects.Copy("stores",
        code => Change(code, i => i.Op0Kind == OpKind.Memory && i.MemoryDisplacement64 == 8, (ref Instruction i) => i.MemoryDisplacement64++)));

    [Fact]
    public void A_wrong_callee_is_caught() => AssertCaught("calls 0x", subjects.Copy("calls_out",
        code => Change(code, i => i.Mnemonic == Mnemonic.Call, (ref Instruction i) => i.NearBranch64 = subjects.AddressOf("other"))));

    [Fact]
    public void A_wrong_argument_to_a_callee_is_caught() => AssertCaught("rdi is", subjects.Copy("calls_out",
        code => Change(code, i => i.Mnemonic == Mnemonic.Lea && i.MemoryDisplacement64 == 0x10001, (ref Instruction i) => i.MemoryDisplacement64 = 0x10002)));

    [Fact]
    public void A_callee_saved_register_that_is_clobbered_is_caught() => AssertCaught("rbx is", subjects.Before("sums",
        Instruction.Create(Opcode.Mov_r32_imm32, Register.EBX, 1)));

    [Fact]
    public void A_register_that_the_original_never_writes_is_caught() => AssertCaught("r11 (never written", subjects.Before("sums",
        Instruction.Create(Opcode.Xor_r32_rm32, Register.R11D, Register.R11D)));

    [Fact]
    public void A_wrong_upper_half_of_a_register_is_caught() => AssertCaught("rax is 0x", subjects.Copy("constant_and_branch",
        code => code.Insert(code.FindLastIndex(i => i.Mnemonic == Mnemonic.Ret), Instruction.Create(Opcode.Cdqe))));

    [Fact]
    public void A_stack_imbalance_is_caught() => AssertCaught("the version calls 0x", subjects.Before("sums", Instruction.Create(Opcode.Push_r64, Register.RAX)));

    [Fact]
    public void A_stack_that_is_left_too_high_is_caught() => AssertCaught("rsp is", subjects.Copy("sums",
        code => Change(code, i => i.Mnemonic == Mnemonic.Ret, (ref Instruction i) => i = With(i, Instruction.Create(Opcode.Retnq_imm16, 8)))));

    [Fact]
    public void A_changed_direction_flag_is_caught() => AssertCaught("direction or alignment flag", subjects.Before("sums", Instruction.Create(Opcode.Std)));

    [Fact]
    public void A_red_zone_that_is_overwritten_is_caught() => AssertCaught("rax is", subjects.Copy("keeps_locals", code => code.InsertRange(
        code.FindLastIndex(i => i.Op0Kind == OpKind.Memory) + 1,
        [Instruction.Create(Opcode.Push_r64, Register.RAX), Instruction.Create(Opcode.Push_r64, Register.RAX),
            Instruction.Create(Opcode.Pop_r64, Register.RAX), Instruction.Create(Opcode.Pop_r64, Register.RAX)])));

    [Fact]
    public unsafe void An_extra_write_beyond_the_page_is_caught()
    {
        var memory = (ulong)NativeMemory.AllocZeroed(3 * 4096);
        var request = subjects.Before("stores", Store(new MemoryOperand(Register.RDI, 4096))) with { Seeds = [new ArgumentTuple(memory, 1, 2, 3, 4, 5)] };
        AssertCaught($"the 8 bytes at 0x{(memory + 4096) & ~7UL:x} are 0x0 in the original and 0x5a in the version", request);
        Assert.Equal(0, *(long*)(memory + 4096));
        NativeMemory.Free((void*)memory);
    }

    [Fact]
    public void An_extra_write_to_what_is_not_mapped_is_caught() => AssertCaught("signal 11", subjects.Before("sums", Store(new MemoryOperand(Register.None, 0x1000, 4))));

    [Fact]
    public void A_write_to_the_callers_stack_is_caught() => AssertCaught("caller's stack", subjects.Before("sums", Store(new MemoryOperand(Register.RSP, 9))));

    [Fact]
    public void An_endless_loop_is_caught() => AssertCaught("without end", subjects.Before("sums",
        Instruction.CreateBranch(Opcode.Jmp_rel32_64, LoadedSubjects.Inserted)));

    [Fact]
    public void A_changed_rounding_mode_is_caught() => AssertCaught("mxcsr", subjects.Before("sums",
        Instruction.Create(Opcode.Mov_rm32_imm32, new MemoryOperand(Register.RSP, -8), 0x7f80),
        Instruction.Create(Opcode.Ldmxcsr_m32, new MemoryOperand(Register.RSP, -8))));

    [Fact]
    public void A_wrong_floating_point_result_is_caught() => AssertCaught("xmm0 is", subjects.Copy("floating",
        code => Change(code, i => i.Mnemonic == Mnemonic.Mulsd, (ref Instruction i) => i.Code = Opcode.Addsd_xmm_xmmm64)));

    [Fact]
    public void A_wrong_system_call_is_caught() => AssertCaught("makes system call", subjects.Copy("makes_call",
        code => code.Insert(code.FindIndex(i => i.Mnemonic == Mnemonic.Syscall), Instruction.Create(Opcode.Inc_rm32, Register.EAX)), isAtStart: true));

    private static Instruction Store(MemoryOperand to) => Instruction.Create(Opcode.Mov_rm8_imm8, to, 0x5a);

    private static Instruction With(Instruction place, Instruction made)
    {
        made.IP = place.IP;
        return made;
    }

    private delegate void Edit(ref Instruction instruction);

    private static void Change(List<Instruction> code, Predicate<Instruction> which, Edit edit)
    {
        var at = code.FindIndex(which);
        Assert.True(at >= 0, "the subject does not have the instruction that the bug is planted in");
        var instruction = code[at];
        edit(ref instruction);
        code[at] = instruction;
    }

    private void AssertCaught(string expected, ValidationRequest request)
    {
        var refusal = VersionValidator.Validate(request);
        Assert.False(refusal.IsDone, "the planted bug was not seen");
        output.WriteLine(refusal.Refusal.ToString());
        Assert.Equal(Reasons.VersionDiffers, refusal.Refusal.Reason);
        Assert.Contains(expected, refusal.Refusal.Detail);
    }
}
