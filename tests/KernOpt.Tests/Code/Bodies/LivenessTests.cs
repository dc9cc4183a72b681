using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Code.Bodies;

public sealed class LivenessTests
{
    [Fact]
    public void Exit_keeps_everything_alive_and_return_only_what_the_psABI_hands_over()
    {
        var exit = HandMade.Body(b => HandMade.Add(b, new Terminator.Exit(new Address(0x500000))));
        Assert.Equal(LiveSet.All, Liveness.Of(exit).In(exit.Order[0]));
        var ret = HandMade.Body(b => HandMade.Add(b, HandMade.Return));
        var live = Liveness.Of(ret).In(ret.Order[0]);
        Assert.True(live.Contains(LiveSet.Of(Register.RAX, Register.RDX, Register.RBX, Register.R15, Register.RSP, Register.XMM0, Register.ST0)));
        Assert.False(live.Overlaps(LiveSet.Of(Register.RDI, Register.R11, Register.XMM9)));
        Assert.Equal(RflagsBits.DF | RflagsBits.AC, live.Flags);
    }

    /// <summary>The load may fault, and its handler throw: the landing pad sees rbx as it was.</summary>
    [Fact]
    public void What_unwinding_hands_on_is_alive_wherever_a_landing_pad_may_follow()
    {
        var block = new BasicBlock(0, HandMade.Start, [.. HandMade.Assemble(c =>
        {
            c.mov(rax, __[rdi]);
            c.mov(rbx, 5);
            c.mov(r11, 5);
            c.ret();
        })], BlockEnd.Return);
        var graph = new FunctionGraph(HandMade.Function, [block]);
        Assert.False(Liveness.WithoutConventions(graph).Before(block, 0).Overlaps(LiveSet.Of(Register.RBX, Register.R11)));
        var unwound = Liveness.WithoutConventions(new FunctionGraph(HandMade.Function, [block]) { LandingPads = [0] }).Before(block, 0);
        Assert.True(unwound.Contains(LiveSet.Of(Register.RBX)));
        Assert.False(unwound.Overlaps(LiveSet.Of(Register.R11)));
    }

    [Fact]
    public void Value_that_only_one_side_of_a_branch_reads_is_alive_before_it()
    {
        var body = new FunctionBody(HandMade.Function);
        var head = body.NewBlock();
        var reads = HandMade.Add(body, HandMade.Return, HandMade.Assemble(c => c.mov(eax, edi)));
        var skips = HandMade.Add(body, HandMade.Return, HandMade.Assemble(c => c.mov(eax, 1)));
        head.End = new Terminator.Branch(ConditionCode.e, reads, skips);
        body.Entries.Add(head);
        body.Rebuild();
        var live = Liveness.Of(body);
        Assert.Equal(RegisterPart.Low32, live.In(head).Parts(Register.RDI));
        Assert.Equal(RegisterPart.None, live.In(skips).Parts(Register.RDI));
        Assert.Equal(RegisterPart.None, live.In(head).Parts(Register.RAX));
        Assert.True(live.In(head).Flags.HasFlag(RflagsBits.ZF));
        Assert.False(live.In(head).Flags.HasFlag(RflagsBits.CF));
    }

    [Fact]
    public void Value_carried_around_a_loop_is_alive_at_its_end()
    {
        var body = new FunctionBody(HandMade.Function);
        var loop = HandMade.Add(body, new Terminator.Unreachable(), HandMade.Assemble(c => { c.add(rax, rsi); c.dec(rdi); }));
        var done = HandMade.Add(body, HandMade.Return);
        loop.End = new Terminator.Branch(ConditionCode.ne, loop, done);
        body.Entries.Add(loop);
        body.Rebuild();
        var live = Liveness.Of(body);
        Assert.Equal(RegisterPart.All, live.Out(loop).Parts(Register.RSI));
        Assert.Equal(RegisterPart.None, live.In(done).Parts(Register.RSI));
        Assert.Equal(RflagsBits.DF | RflagsBits.AC, live.Before(loop, 1).Flags);
        Assert.True(live.Before(loop, 2).Flags.HasFlag(RflagsBits.ZF));
    }

    [Fact]
    public void Half_written_register_keeps_its_other_half_alive()
    {
        var body = HandMade.Body(b => HandMade.Add(b, HandMade.Return, HandMade.Assemble(c => { c.mov(al, 1); c.movzx(eax, ax); })));
        Assert.Equal(RegisterPart.High8, Liveness.Of(body).In(body.Order[0]).Parts(Register.RAX));
    }

    [Theory]
    [InlineData("loop_sum", "RDI:32 RSI:64 RDX:64")]
    [InlineData("red_zone", "RDI:64 RSI:64 RDX:64")]
    [InlineData("set_and_cmov", "RDI:64 RSI:64 RDX:64")]
    [InlineData("switch_in_loop", "RSI:64 RDX:64 RCX:64")]
    [InlineData("floating", "RDI:32 RSI:64 RDX:64 RCX:64")]
    public void Entry_arguments_are_the_registers_that_are_read_and_their_width(string name, string expected)
    {
        var arguments = EntryArguments.Of(NativeProgram.With("-O2").Graph(name));
        Assert.Equal(expected, string.Join(' ', arguments.Where(a => a.IsUsed).Select(a => $"{a.Register}:{a.Bits}")));
    }
}
