using System.Diagnostics;
using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Bench.Scale;

/// <summary>Counts of two tools for one piece of work. Differing: where they are not the same, KernOpt's count first.</summary>
internal sealed record CountComparison(int Blocks, int Hit, ulong Passages, IReadOnlyList<(BlockCount Ours, uint Theirs)> Differing)
{
    public static CountComparison Of(IReadOnlyList<BlockCount> ours, IReadOnlyDictionary<Address, uint> theirs) => new(
        ours.Count, ours.Count(b => b.Count > 0), ours.Aggregate(0UL, (sum, b) => sum + b.Count),
        [.. ours.Select(b => (b, theirs.GetValueOrDefault(b.At))).Where(p => p.b.Count != p.Item2)]);
}

/// <summary>
/// The same piece of work, once with a counter before each block, once stepped through by a program that knows nothing of KernOpt (tests/Targets/stepcount.c): each waits for its request, gets
/// its counters or its tracer, makes the work, and ends of itself.
/// </summary>
internal static class IndependentCount
{
    private const int Shown = 12;

    public static async Task<bool> CompareAsync(ScaleProgram program)
    {
        var talk = program.Talk!();
        var (theirs, steps, expected) = await StepAsync(program, talk);
        using var talker = talk.Start();
        await WarmAsync(talker);
        if (!AllBlocks.Plan(talker.Pid, program.Modules).Try(out var blocks, out var why))
        {
            Console.WriteLine($"{program.Name}: {why}");
            return false;
        }
        using (blocks)
        {
            var (points, seconds) = blocks.PutIn(..);
            var answer = await talker.AskAsync(talk.Request(1));
            var exit = await talker.EndAsync();
            var counts = blocks.Counts();
            var comparison = CountComparison.Of(counts, theirs);
            // The judgement has to see a count that is wrong by one.
            var hit = counts.ToList().FindIndex(c => c.Count > 0);
            var isControlSeen = hit >= 0 && CountComparison.Of([.. counts.Select((c, i) => i == hit ? c with { Count = c.Count + 1 } : c)], theirs).Differing.Count != comparison.Differing.Count;
            Console.WriteLine($"{program.Name}: {points} blocks of {string.Join(", ", program.Modules)} counted while it worked ({seconds:0.0} s to place; left out: {blocks.Refused}), {comparison.Hit} of them run, "
                + $"{comparison.Passages:n0} passages; stepped through, {steps:n0} steps: {comparison.Differing.Count} counts differ; its output is {(answer == expected ? "the same" : "ANOTHER")}, exit {exit}; "
                + $"control (one count wrong by one): {(isControlSeen ? "seen" : "NOT SEEN")}");
            foreach (var (ours, other) in comparison.Differing.Take(Shown)) Console.WriteLine($"    {ours.Place}: {ours.Count} counted, {other} by steps");
            return comparison.Differing.Count == 0 && comparison.Hit > 0 && answer == expected && isControlSeen;
        }
    }

    /// <summary>Until it waits in its first read.</summary>
    private static async Task WarmAsync(Talker talker)
    {
        for (var waited = 0; waited < 500; waited++)
        {
            var call = await File.ReadAllTextAsync($"/proc/{talker.Pid}/syscall");
            // read(0, …): the number, then the descriptor.
            if (call.StartsWith("0 0x0 ", StringComparison.Ordinal)) return;
            await Task.Delay(20);
        }
        throw new TimeoutException($"{talker.Pid} does not wait for its input");
    }

    private static async Task<(IReadOnlyDictionary<Address, uint> Times, long Steps, string Answer)> StepAsync(ScaleProgram program, TalkingProgram talk)
    {
        using var talker = talk.Start();
        await WarmAsync(talker);
        var text = AllBlocks.TextOf(talker.Pid, program.Modules).Value;
        var file = Path.Combine(Scratch.Folder, $"{program.Name}.steps");
        var start = new ProcessStartInfo(Scratch.Compile("stepcount", "-O2"), [$"{talker.Pid}", file, .. text.SelectMany(r => new[] { $"{r.Start.Value:x}", $"{r.End.Value:x}" })]) { RedirectStandardOutput = true };
        using var tracer = Process.Start(start)!;
        if (await tracer.StandardOutput.ReadLineAsync() != "stepping") throw new InvalidOperationException("the tracer has not got its program");
        var answer = await talker.AskAsync(talk.Request(1));
        await talker.EndAsync();
        var told = await tracer.StandardOutput.ReadToEndAsync();
        await tracer.WaitForExitAsync();
        var times = File.ReadLines(file).Select(l => l.Split(' ')).ToDictionary(
            f => new Address(ulong.Parse(f[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)), f => uint.Parse(f[1], CultureInfo.InvariantCulture));
        return (times, long.Parse(told.Split(' ')[0], CultureInfo.InvariantCulture), answer);
    }
}
