using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using KernOpt.Code.Bodies;
using Xunit;
using Opcode = Iced.Intel.Code;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>Whatever is said to be dead is overwritten with garbage in a running copy, and nobody may notice.</summary>
[Collection(NativeCode.Name)]
public sealed class LivenessExecutionTests
{
    private const long Garbage = 0x5a17_c0de_dead_f00d;

    [Theory]
    [InlineData("-O2")]
    [InlineData("-O3 -mavx2 -mfma")]
    [InlineData("-O0")]
    public void Garbage_in_what_is_dead_changes_nothing(string options) => CopyExecutionTests.ForEach(options, subject =>
    {
        for (var round = 0; round < 12; round++) CopyExecutionTests.ExpectSame(subject, subject.Run(Spoiled(subject, LiveSet.Empty)).Entry, $"round {round}");
    });

    /// <summary>The same harness with a liveness that forgets one argument (a number: garbage for a pointer would end the process).</summary>
    [Theory]
    [InlineData("loop_sum", Register.RSI)]
    [InlineData("red_zone", Register.RDI)]
    [InlineData("set_and_cmov", Register.RDX)]
    [InlineData("floating", Register.YMM1)]
    public void Liveness_that_forgets_a_register_is_caught(string name, Register forgotten)
    {
        var program = NativeProgram.With("-O2");
        var subject = new Subject(name, program.Graph(name), program, new Random(5));
        var isCaught = Enumerable.Range(0, 20).Any(_ => CopyExecutionTests.Difference(subject.Graph, subject.Run(Spoiled(subject, LiveSet.Of(forgotten))).Entry, 50) is not null);
        Assert.True(isCaught, $"{forgotten} was called dead in {name} and nothing happened");
    }

    /// <summary>A copy with garbage put into every dead thing at one random place of each block.</summary>
    private static FunctionBody Spoiled(Subject subject, LiveSet forgotten)
    {
        var body = subject.NewBody();
        var liveness = Liveness.Of(body);
        var places = body.Order.Select(b => (Block: b, Index: subject.Random.Next(b.Instructions.Count + 1))).ToList();
        var spoilers = places.Select(p => (p.Block, p.Index, Live: liveness.Before(p.Block, p.Index) - forgotten)).ToList();
        foreach (var (block, index, live) in spoilers) block.Instructions.InsertRange(index, Spoilers(live, subject.Random));
        return body;
    }

    internal static IEnumerable<Instruction> Spoilers(LiveSet live, Random random)
    {
        var flags = LiveSet.AllFlags & ~(RflagsBits.DF | RflagsBits.AC);
        if ((live.Flags & flags) == 0) yield return Instruction.Create(random.Next(2) == 0 ? Opcode.Cmp_rm64_r64 : Opcode.Test_rm64_r64, Register.RSP, Register.RSP);
        if ((live.Flags & RflagsBits.CF) == 0) yield return Instruction.Create(random.Next(2) == 0 ? Opcode.Stc : Opcode.Clc);
        for (var register = Register.RAX; register <= Register.R15; register++)
        {
            var parts = live.Parts(register);
            if (parts == RegisterPart.None) yield return Instruction.Create(Opcode.Mov_r64_imm64, register, Garbage);
            else if ((parts & RegisterPart.Low16) == 0) yield return Instruction.Create(Opcode.Mov_r16_imm16, Register.AX + (register - Register.RAX), 0x5a5a);
            else if ((parts & RegisterPart.Upper32) == 0)
            {
                // Byte 7 becomes byte 0 and back.
                yield return Instruction.Create(Opcode.Bswap_r64, register);
                yield return Instruction.Create(Opcode.Mov_r16_imm16, Register.AX + (register - Register.RAX), 0x5a5a);
                yield return Instruction.Create(Opcode.Bswap_r64, register);
            }
        }
        if (!Avx2.IsSupported) yield break;
        for (var number = 0; number < 16; number++)
        {
            var whole = Register.YMM0 + number;
            if (!live.Overlaps(LiveSet.Of(whole))) yield return Instruction.Create(Opcode.VEX_Vpcmpeqd_ymm_ymm_ymmm256, whole, whole, whole);
            else if (!live.Overlaps(LiveSet.Of(Register.XMM0 + number))) yield return Instruction.Create(Opcode.Pcmpeqd_xmm_xmmm128, Register.XMM0 + number, Register.XMM0 + number);
        }
    }
}
