using Iced.Intel;
using KernOpt.Code.Bodies;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Code.Bodies;

public sealed class RegisterEffectsTests
{
    private static Effects Of(Action<Assembler> write) => RegisterEffects.Of(HandMade.Assemble(write)[0]);

    [Fact]
    public void Write_of_32_bits_clears_the_upper_half_and_of_16_bits_merges()
    {
        Assert.Equal(RegisterPart.All, Of(c => c.mov(eax, 1)).Kills.Parts(Register.RAX));
        Assert.Equal(RegisterPart.Low16, Of(c => c.mov(ax, 1)).Kills.Parts(Register.RAX));
        Assert.Equal(RegisterPart.Low8, Of(c => c.mov(al, 1)).Kills.Parts(Register.RAX));
        Assert.Equal(RegisterPart.High8, Of(c => c.mov(ah, 1)).Kills.Parts(Register.RAX));
        Assert.Equal(RegisterPart.Low32, Of(c => c.add(eax, ecx)).Reads.Parts(Register.RAX));
    }

    [Fact]
    public void Conditional_move_of_64_bits_kills_nothing_but_of_32_bits_writes_all()
    {
        Assert.Equal(RegisterPart.None, Of(c => c.cmove(rax, rcx)).Kills.Parts(Register.RAX));
        Assert.Equal(RegisterPart.All, Of(c => c.cmove(rax, rcx)).Writes.Parts(Register.RAX));
        var narrow = Of(c => c.cmove(eax, ecx));
        Assert.Equal(RegisterPart.All, narrow.Kills.Parts(Register.RAX));
        Assert.Equal(RegisterPart.Low32, narrow.Reads.Parts(Register.RAX));
    }

    [Fact]
    public void Bit_scan_of_zero_leaves_its_destination() =>
        Assert.Equal(RegisterPart.None, Of(c => c.bsf(eax, ecx)).Kills.Parts(Register.RAX));

    [Fact]
    public void Clearing_idiom_reads_nothing()
    {
        Assert.Equal(RegisterPart.None, Of(c => c.xor(eax, eax)).Reads.Parts(Register.RAX));
        Assert.Equal(RegisterPart.Low32, Of(c => c.sbb(eax, eax)).Reads.Parts(Register.RAX));
    }

    [Fact]
    public void Shift_by_a_count_that_may_be_zero_keeps_the_flags_alive()
    {
        Assert.Equal(RflagsBits.None, Of(c => c.shl(eax, cl)).Kills.Flags);
        Assert.NotEqual(RflagsBits.None, Of(c => c.shl(eax, cl)).Writes.Flags);
        Assert.Equal(RflagsBits.None, Of(c => c.shl(eax, 32)).Writes.Flags);
        Assert.True(Of(c => c.shl(eax, 3)).Kills.Flags.HasFlag(RflagsBits.CF));
    }

    [Fact]
    public void Repeated_comparison_that_may_run_no_time_keeps_the_flags_alive() =>
        Assert.Equal(RflagsBits.None, Of(c => c.repne.scasb()).Kills.Flags);

    [Fact]
    public void Inc_keeps_the_carry() => Assert.False(Of(c => c.inc(eax)).Writes.Flags.HasFlag(RflagsBits.CF));

    [Fact]
    public void Legacy_vector_write_keeps_what_lies_above_and_a_VEX_one_does_not()
    {
        var whole = LiveSet.Of(Register.YMM3);
        Assert.False(Of(c => c.movaps(xmm3, xmm1)).Kills.Contains(whole));
        Assert.True(Of(c => c.vmovaps(xmm3, xmm1)).Kills.Contains(whole));
        Assert.True(Of(c => c.cvtsi2sd(xmm3, eax)).Reads.Contains(LiveSet.Of(Register.XMM3)));
        Assert.False(Of(c => c.vaddps(zmm3.k1, zmm1, zmm2)).Kills.Contains(LiveSet.Of(Register.XMM3)) && !Of(c => c.vaddps(zmm3.k1, zmm1, zmm2)).Reads.Contains(whole));
    }

    [Fact]
    public void Call_reads_every_register_kills_none_and_flags_are_dead_before_it()
    {
        var call = Of(c => c.call(rax));
        Assert.Equal(RegisterPart.All, call.Reads.Parts(Register.R11));
        Assert.Equal(RegisterPart.None, call.Kills.Parts(Register.R11));
        Assert.False(call.LiveBefore(LiveSet.All).Flags.HasFlag(RflagsBits.ZF));
        Assert.True(call.LiveBefore(LiveSet.Empty).Flags.HasFlag(RflagsBits.DF));
    }

    [Fact]
    public void System_call_reads_everything() => Assert.Equal(LiveSet.All, Of(c => c.syscall()).LiveBefore(LiveSet.Empty));

    [Fact]
    public void Memory_effects_tell_loads_stores_fences_and_addresses_apart()
    {
        Assert.Equal(MemoryEffect.None, Of(c => c.lea(rax, __[rdi + 8])).Memory);
        Assert.Equal(MemoryEffect.Read, Of(c => c.mov(rax, __[rdi])).Memory);
        Assert.Equal(MemoryEffect.Read | MemoryEffect.Write, Of(c => c.inc(__dword_ptr[rdi])).Memory);
        Assert.Equal(MemoryEffect.Read | MemoryEffect.Thread, Of(c => c.mov(rax, __qword_ptr.fs[0x28])).Memory);
        Assert.Equal(MemoryEffect.Read | MemoryEffect.Write, Of(c => c.mfence()).Memory);
    }
}
