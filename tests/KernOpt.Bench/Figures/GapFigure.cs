using System.Globalization;
using System.Text.RegularExpressions;

namespace KernOpt.Bench.Figures;

/// <summary>
/// The gaps that the threads of a target see (two busy, six that wake 1,000 times a second), in equal times without KernOpt, and over attach, tune and
/// revert. In turns, since this machine's own gaps vary; the longest of all rounds are compared. Arguments: [rounds] [seconds].
/// </summary>
internal static partial class GapFigure
{
    private const double MostMicroseconds = 1000;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var rounds = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 4;
        var seconds = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 25;
        using var target = new RunningTarget(Scratch.Compile("gaps", "-O2", "-s"));
        await target.WaitForLineAsync(l => l == "ready", TimeSpan.FromSeconds(10));
        await Kernopt.RunAsync("list", "--pid", $"{target.Pid}");
        var without = new Dictionary<string, double>();
        var with = new Dictionary<string, double>();
        for (var round = 0; round < rounds; round++)
        {
            await ReportAsync(target, null, []);
            await Task.Delay(TimeSpan.FromSeconds(seconds));
            await ReportAsync(target, $"round {round}, no KernOpt     ", without);
            var tune = await Kernopt.RunAsync("tune", "--pid", $"{target.Pid}", "--for", $"{seconds - 3}s", "--json");
            var revert = await Kernopt.RunAsync("revert", "--pid", $"{target.Pid}", "--all");
            await ReportAsync(target, $"round {round}, tune and revert", with);
            if (tune.ExitCode != 0 || revert.ExitCode != 0)
            {
                Console.WriteLine($"tune: {tune}; revert: {revert}");
                return 1;
            }
            Console.WriteLine($"  longest hold {tune.Result.GetProperty("longestHoldMicroseconds")} us, {tune.Result.GetProperty("experiments").GetArrayLength()} experiments; {revert.Output.Trim()}");
        }
        foreach (var (kind, longest) in with) Console.WriteLine($"{kind}: longest {longest:0.0} us with KernOpt, {without[kind]:0.0} us without: {longest - without[kind]:+0.0;-0.0} us");
        return with.All(w => w.Value <= without[w.Key] + MostMicroseconds) ? 0 : 1;
    }

    /// <summary>Prints what the target saw since it was asked last, and keeps the longest gap of each kind of thread.</summary>
    private static async Task ReportAsync(RunningTarget target, string? what, Dictionary<string, double> longest)
    {
        var before = target.Lines.Count;
        Signals.Send(target.Pid, Signals.User1);
        while (target.Lines.Count < before + 2) await Task.Delay(10);
        foreach (var line in target.Lines.Skip(before))
        {
            if (what is not null) Console.WriteLine($"{what} {line}");
            var match = Line().Match(line);
            longest[match.Groups[1].Value] = Math.Max(longest.GetValueOrDefault(match.Groups[1].Value), double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
        }
    }

    [GeneratedRegex(@"^(\w+) .*longest ([\d.]+) us")]
    private static partial Regex Line();
}
