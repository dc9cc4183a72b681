using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>Every function of real libraries and programs that can be parsed is copied and encoded somewhere else; the encoding check judges each.</summary>
public sealed class RelocationTests(ITestOutputHelper output)
{
    private static readonly Address Bias = new(0x7f12_3456_7000);

    /// <summary>What may stand in the way of a parsed function; anything else is a bug of ours.</summary>
    private static readonly Reason[] Expected = [Reasons.UncopyableInstruction];

    [Theory]
    [InlineData("/lib/x86_64-linux-gnu/libz.so.1")]
    [InlineData("/lib/x86_64-linux-gnu/libc.so.6")]
    [InlineData("/usr/bin/redis-server")]
    public void Every_parsed_function_can_be_moved(string path)
    {
        Assert.SkipUnless(File.Exists(path), $"{path} is not installed");
        var program = LoadedFile.At(path, Bias);
        var at = program.Modules[0].Location.Range.End + 0x100_0008;
        var unparsed = 0;
        var tally = new SortedDictionary<string, int>(StringComparer.Ordinal);
        long bytesBefore = 0, bytesAfter = 0;
        foreach (var function in program.Modules[0].Functions)
        {
            if (!FunctionParser.Parse(function, program).Try(out var graph, out _))
            {
                unparsed++;
                continue;
            }
            var encoded = BodyBuilder.Copy(graph, graph.Entry.Start, false).Then(body => CodeLayout.Encode(body, at));
            var key = encoded.IsDone ? "moved" : encoded.Refusal.Reason.ToString();
            tally[key] = tally.GetValueOrDefault(key) + 1;
            if (encoded.IsDone) (bytesBefore, bytesAfter) = (bytesBefore + graph.Blocks.Sum(b => b.Close - b.Start), bytesAfter + encoded.Value.CodeBytes);
            else Assert.True(Expected.Contains(encoded.Refusal.Reason), encoded.Refusal.ToString());
        }
        output.WriteLine($"{path}: {unparsed} not parsed; {string.Join(", ", tally.Select(t => $"{t.Value} {t.Key}"))}; {bytesBefore} bytes became {bytesAfter}");
        Assert.True(tally.GetValueOrDefault("moved") > 0, "nothing was moved");
    }
}
