using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;
using KernOpt.Tests.Live;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Kernel;

/// <summary>Control that goes other ways than the text shows: nothing may be taken for dead, or for padding, on the word of the text alone.</summary>
public sealed class HiddenExitTests
{
    private static readonly Address Start = new(0x40_0000);

    [Fact]
    public void EverythingIsAlive_BeforeAHiddenExit()
    {
        var instructions = HandMade.Assemble(c => { c.mov(rax, __[rdi]); c.nop(); c.mov(rbx, 5); c.mov(r11, 5); c.ret(); });
        for (var i = 0; i < instructions.Length; i++) instructions[i].IP = HandMade.Start.Value + (ulong)i;
        var at = new Address(instructions[1].IP);
        LiveSet Before(int index, params Address[] hidden)
        {
            var block = new BasicBlock(0, HandMade.Start, [.. instructions], BlockEnd.Return);
            return Liveness.WithoutConventions(new FunctionGraph(Of(hidden), [block])).Before(block, index);
        }
        Assert.False(Before(0).Overlaps(LiveSet.Of(Register.RBX, Register.R11)));
        Assert.True(Before(0, at).Contains(LiveSet.Of(Register.RBX, Register.R11)));
        Assert.False(Before(0, at).Overlaps(LiveSet.Of(Register.RAX)));
        Assert.False(Before(2, at).Overlaps(LiveSet.Of(Register.RBX, Register.R11)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NopsBehindAWarning_ArePaddingOnlyWhereNothingIsHidden(bool isHidden)
    {
        // test edi,edi; je +8; ud2; nop of six bytes; ret
        byte[] text = [0x85, 0xff, 0x74, 0x08, 0x0f, 0x0b, 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3, 0xcc];
        var target = new ByteTarget(Start, text, [(0, 13)], isHidden);
        var graph = FunctionParser.Parse(target.Image.Functions[0], target).Value;
        Assert.Equal(isHidden ? [] : [new AddressRange(Start + 6, 6)], InnerPadding.Of(graph, target, new HashSet<Address>()));
    }

    /// <summary>
    /// A thunk that stands for ret pops the return address that leads to it: a function that ends with one returns, though its text never does.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReturnThunk_ReturnsWhereControlTakesHiddenWays(bool isHidden)
    {
        // 0: call +0x10; ret.  0x10: jmp +0x20.  0x20: call +0x30; ud2.  0x30: lea rsp,[rsp+8]; ret
        var text = new byte[0x40];
        text.AsSpan().Fill(0xcc);
        foreach (var (at, code) in new (int, byte[])[] { (0, [0xe8, 0x0b, 0, 0, 0, 0xc3]), (0x10, [0xeb, 0x0e]), (0x20, [0xe8, 0x0b, 0, 0, 0, 0x0f, 0x0b]), (0x30, [0x48, 0x8d, 0x64, 0x24, 8, 0xc3]) }) code.CopyTo(text, at);
        var target = new ByteTarget(Start, text, [(0, 6), (0x10, 2), (0x20, 7), (0x30, 6)], isHidden);
        var graph = FunctionParser.Parse(target.Image.Functions[0], target).Value;
        Assert.Equal(isHidden ? 1 : 0, graph.Blocks.Count(b => b.End == BlockEnd.Return));
    }

    private static Function Of(Address[] hidden) => HandMade.Function with
    {
        Module = new ModuleImage(HandMade.Function.Module.Location with { HiddenExits = hidden.ToHashSet() }, ImmutableArray<Function>.Empty),
    };
}
