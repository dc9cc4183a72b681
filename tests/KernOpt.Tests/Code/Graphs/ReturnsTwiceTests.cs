using System.Globalization;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using KernOpt.Tests.Code.Images;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

public sealed class ReturnsTwiceTests
{
    private static readonly string[] Names = ["sets_jump", "sets_signal_jump", "takes_context", "forks", "plain"];

    /// <summary>By name through stubs and slots, and by shape where nothing has a name.</summary>
    [Theory]
    [InlineData("linked")]
    [InlineData("no-plt", "-fno-plt")]
    [InlineData("stripped", "-s")]
    [InlineData("static", "-static", "-s")]
    [InlineData("static-pie", "-static-pie", "-s", "-fno-plt")]
    public void CallersOfWhatReturnsTwice_AreKnown_AndOthersAreNot(string how, params string[] flags)
    {
        var (program, line) = RunningProgram.Start(Compiler.Build("returns_twice.c", $"returns-twice-{how}", ["-O2", .. flags]));
        using (program)
        {
            var places = line.Split(' ').Select(p => new Address(ulong.Parse(p.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            foreach (var (name, at) in Names.Zip(places))
            {
                var graph = FunctionParser.Parse(program.Image.FunctionAt(at)!, program.Image).Value;
                Assert.Equal((name, name != "plain"), (name, FunctionTraits.Analyze(graph, program.Image).CallsReturnsTwice));
            }
        }
    }
}
