using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>The oracle: original and copy are called with the same inputs and must give the same values and memory.</summary>
public sealed class CopyExecutionTests
{
    private const int Inputs = 300;

    /// <summary>`counters` is the only state that outlives a call; the caller runs both an equal number of times, so it is left out here and looked at in the memory of the module.</summary>
    private static readonly string[] Stateful = ["rip_relative"];

    public static TheoryData<string> Options => ["-O2", "-O1 -fcf-protection", "-O3 -mavx2 -fno-inline", "-Os", "-O0"];

    [Theory, MemberData(nameof(Options))]
    public void Copies_do_what_the_originals_do(string options)
    {
        using var program = new NativeProgram(NativeProgram.Source("functions.c"), options);
        foreach (var name in program.Names.Where(n => n != "callee").Except(Stateful))
        {
            var graph = LinearGraph.Of(program.Function(name));
            using var copy = new CopiedCode(BodyBuilder.Copy(graph, graph.Function.Start, false).Value);
            ExpectSame(name, graph.Function.Start, copy.Entry, new Random(1));
        }
    }

    internal static void ExpectSame(string name, Address original, Address copy, Random random)
    {
        for (var i = 0; i < Inputs; i++)
        {
            var input = CallInput.Random(random);
            var expected = Calls.Make(original, input);
            var found = Calls.Make(copy, input);
            Assert.True(expected == found, $"{name}({input}): {expected.Value:x}, the copy gives {found.Value:x}");
        }
    }
}
