using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Linux;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using KernOpt.Validate;
using Xunit;

namespace KernOpt.Tests.Live.Validate;

/// <summary>Copies of real functions of a real process, made as live versions are made: none may be called different.</summary>
public sealed class SweepTests(ITestOutputHelper output)
{
    private static readonly int Stride = int.Parse(Environment.GetEnvironmentVariable("KERNOPT_SWEEP_STRIDE") ?? "60");

    [Fact]
    public void Moved_functions_of_the_c_library_are_never_called_different()
    {
        using var program = NativeProgram.Start("idle.c");
        // Its libraries are mapped by then.
        program.ReadFacts();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var image = ProgramImage.Read(target).Value;
        var library = image.Modules.First(m => m.Name.StartsWith("libc.so", StringComparison.Ordinal));
        var tally = new SortedDictionary<string, int>();
        var wrong = new List<string>();
        foreach (var function in library.Functions.Where((_, i) => i % Stride == 0))
        {
            if (!Prepare(target, image, function).Try(out var request, out var why)) { Count(tally, $"not copied: {why.Reason.Name}"); continue; }
            var outcome = VersionValidator.Validate(request);
            Count(tally, outcome.IsDone ? "equal" : outcome.Refusal.Reason.Name);
            if (!outcome.IsDone && (outcome.Refusal.Reason == Reasons.VersionDiffers || outcome.Refusal.Reason == Reasons.SandboxUnavailable)) wrong.Add($"{function}: {outcome.Refusal.Detail}");
        }
        foreach (var (what, count) in tally) output.WriteLine($"{count,5} {what}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(tally.GetValueOrDefault("equal") > 0);
    }

    private static void Count(SortedDictionary<string, int> tally, string what) => tally[what] = tally.GetValueOrDefault(what) + 1;

    private static Outcome<ValidationRequest> Prepare(ProcessTarget target, ProgramImage image, Function function)
    {
        if (!FunctionParser.Parse(function, image).Try(out var graph, out var why)) return why;
        var entry = graph.Entry.Instructions.TakeWhile(i => i.FlowControl == FlowControl.Next).ToList();
        var site = new Address((entry.Find(i => i.Length >= 5) is { Length: > 0 } found ? found : graph.Entry.Instructions[0]).IP);
        if (!BodyBuilder.Copy(graph, site, withFullEntry: false).Try(out var body, out why)) return why;
        var at = function.Module.Location.Range.Start - 0x100_0000;
        if (!CodeLayout.Encode(body, at).Try(out var code, out why)) return why;
        return new ValidationRequest(OriginalCode.Of(graph, site), new VersionCode(code, code.Entries[0]))
        {
            Read = target.Read,
            Map = image.Map,
            Limits = new ValidationLimits { Runs = 400, Time = TimeSpan.FromMilliseconds(600), MinimumReturned = 32 },
            RandomSeed = function.Rva,
        };
    }
}
