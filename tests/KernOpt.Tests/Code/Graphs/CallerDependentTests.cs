using System.Globalization;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using KernOpt.Tests.Code.Images;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

public sealed class CallerDependentTests
{
    [Theory]
    [InlineData("plt")]
    [InlineData("slots", "-fno-plt")]
    [InlineData("stripped", "-s")]
    public void CallersOfDlsym_AreKnown_AndOthersAreNot(string how, params string[] flags)
    {
        var (program, line) = RunningProgram.Start(Compiler.Build("caller_dependent.c", $"caller-dependent-{how}", ["-O2", .. flags]));
        using (program)
        {
            var places = line.Split(' ').Select(p => new Address(ulong.Parse(p.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            foreach (var (name, at) in new[] { "looks", "opens", "plain" }.Zip(places))
            {
                var graph = FunctionParser.Parse(program.Image.FunctionAt(at)!, program.Image).Value;
                Assert.Equal((name, name != "plain"), (name, FunctionTraits.Analyze(graph, program.Image).CallsCallerDependent));
            }
        }
    }
}
