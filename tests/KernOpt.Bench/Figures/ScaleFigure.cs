using System.Globalization;
using KernOpt.Bench.Scale;

namespace KernOpt.Bench.Figures;

/// <summary>
/// A counter before every basic block of real programs and libraries, while a load works that knows the right answers; and counts held against those of a program that steps through the same work.
/// Arguments: [--points N] [--seconds S] [--live|--counts] [program ...]. Points: so many at once, in and out by turns (all at once by default); seconds: how long each load lasts.
/// </summary>
internal static class ScaleFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var points = Option(arguments, "--points") ?? int.MaxValue;
        var time = TimeSpan.FromSeconds(Option(arguments, "--seconds") ?? 10);
        var named = arguments.Where((a, i) => !a.StartsWith("--", StringComparison.Ordinal) && (i == 0 || arguments[i - 1] is not ("--points" or "--seconds"))).ToList();
        if (named.Except(ScalePrograms.All.Select(p => p.Name)).FirstOrDefault() is { } unknown)
        {
            Console.WriteLine($"'{unknown}' is none of {string.Join(", ", ScalePrograms.All.Select(p => p.Name))}");
            return 64;
        }
        var isReached = true;
        foreach (var program in ScalePrograms.All.Where(p => named.Count == 0 || named.Contains(p.Name)))
        {
            if (!arguments.Contains("--counts")) isReached &= await LiveAsync(program, points, time);
            if (program.Talk is not null && !arguments.Contains("--live")) isReached &= await IndependentCount.CompareAsync(program);
        }
        return isReached ? 0 : 1;
    }

    private static int? Option(string[] arguments, string name) =>
        Array.IndexOf(arguments, name) is >= 0 and var at ? int.Parse(arguments[at + 1], CultureInfo.InvariantCulture) : null;

    private static async Task<bool> LiveAsync(ScaleProgram program, int points, TimeSpan time)
    {
        await using var load = await program.StartAsync();
        var (_, wrong) = await load.RunAsync(TimeSpan.FromSeconds(1));
        if (wrong.Count > 0) throw new InvalidOperationException($"{program.Name} is wrong before anything was done to it: {wrong[0]}");
        if (!AllBlocks.Plan(load.Pid, program.Modules).Try(out var blocks, out var why))
        {
            Console.WriteLine($"{program.Name}: {why}");
            return false;
        }
        using (blocks)
        {
            var seen = new Totals();
            foreach (var piece in blocks.Pieces(points))
            {
                // In and out while it works.
                var answers = seen.Take(await While(load, () => { seen.Placing(blocks.PutIn(piece)); return Task.CompletedTask; }));
                answers = seen.Take(await load.RunAsync(time)) && answers;
                seen.Counted(blocks.Counts());
                answers = seen.Take(await While(load, async () => seen.TakenOut(await blocks.TakeOutAsync()))) && answers;
                if (!answers || !load.IsAlive) break;
            }
            seen.Take(load.IsAlive ? await load.RunAsync(TimeSpan.FromSeconds(1)) : (0, ["it has ended"]));
            var differences = load.IsAlive ? TargetText.Differences(load.Pid) : [];
            Console.WriteLine($"{program.Name}: {seen} of {blocks.Planned} planned (left out: {blocks.Refused}); text {(differences.Count == 0 ? "as before" : $"NOT as before: {string.Join(", ", differences)}")}; alive {load.IsAlive}");
            foreach (var told in seen.Told.Take(5)) Console.WriteLine($"    {told}");
            return seen.IsFine && differences.Count == 0 && load.IsAlive;
        }
    }

    /// <summary>Has the program work while something is done to it.</summary>
    private static async Task<(long Answers, IReadOnlyList<string> Wrong)> While(ICheckedLoad load, Func<Task> done)
    {
        var doing = Task.Run(done);
        var (answers, wrong) = (0L, new List<string>());
        while (!doing.IsCompleted)
        {
            var (more, others) = await load.RunAsync(TimeSpan.FromMilliseconds(200));
            answers += more;
            wrong.AddRange(others);
            if (!load.IsAlive) break;
        }
        await doing;
        return (answers, wrong);
    }

    private sealed class Totals
    {
        private long points, hit, answers, wrong, leftIn;
        private ulong passages;
        private double placing, removing;

        public List<string> Told { get; } = [];

        public bool IsFine => wrong == 0 && leftIn == 0 && hit > 0;

        public bool Take((long Answers, IReadOnlyList<string> Wrong) run)
        {
            answers += run.Answers;
            wrong += run.Wrong.Count;
            Told.AddRange(run.Wrong.Take(3));
            return run.Wrong.Count == 0;
        }

        public void Placing((int Points, double Seconds) placed) => (points, placing) = (points + placed.Points, placing + placed.Seconds);

        public void Counted(IReadOnlyList<BlockCount> counts)
        {
            hit += counts.Count(c => c.Count > 0);
            passages += counts.Aggregate(0UL, (sum, c) => sum + c.Count);
        }

        public void TakenOut((IReadOnlyList<string> Notes, double Seconds) removed)
        {
            removing += removed.Seconds;
            leftIn += removed.Notes.Count;
            Told.AddRange(removed.Notes);
        }

        public override string ToString() => $"{answers:n0} answers, {wrong} wrong, with {points:n0} counters ({placing:0.0} s to place, {removing:0.0} s to take out, beside the load), {hit:n0} blocks run, {passages:n0} passages;";
    }
}
