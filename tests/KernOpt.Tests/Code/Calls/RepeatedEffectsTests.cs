using KernOpt.Code.Calls;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;
using Xunit;

namespace KernOpt.Tests.Code.Calls;

public sealed class RepeatedEffectsTests
{
    /// <summary>All instructions of the C library, hand-written vector code of every generation among them.</summary>
    [Fact]
    public void EffectsThatWereWorkedOutForAnotherInstruction_AreThoseOfThisOne()
    {
        var program = LoadedFile.At("/lib/x86_64-linux-gnu/libc.so.6", Address.Zero);
        var compared = 0;
        foreach (var function in program.Modules[0].Functions)
        {
            if (!FunctionParser.Parse(function, program).Try(out var graph, out _)) continue;
            foreach (var block in graph.Blocks)
            {
                foreach (var instruction in block.Instructions)
                {
                    compared++;
                    Assert.True(StrictEffects.Of(instruction) == RepeatedEffects.Of(instruction), $"{instruction}");
                }
            }
        }
        Assert.InRange(compared, 100_000, int.MaxValue);
    }
}
