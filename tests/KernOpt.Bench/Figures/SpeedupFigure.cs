namespace KernOpt.Bench.Figures;

/// <summary>The stripped program with two arguments that are constant 99 % of the time: its own clock before, and after tune. Arguments: [change].</summary>
internal static class SpeedupFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var isChanging = arguments.Contains("change");
        string[] command = isChanging ? ["2", "1000", "35", "4", "77"] : ["2", "1000"];
        using var target = new RunningTarget(Scratch.Compile("hotfilter", "-O2", "-s"), command);
        await Task.Delay(5000);
        var before = target.Lines.Count;
        var tune = await Kernopt.RunAsync("tune", "--pid", $"{target.Pid}", "--for", isChanging ? "75s" : "30s", "--json");
        Console.WriteLine(tune.Output);
        Console.Error.WriteLine(tune.Errors);
        var after = target.Lines.Count;
        await Task.Delay(5000);
        var lines = target.Lines;
        foreach (var (line, i) in lines.Select((l, i) => (l, i)).Where(x => x.i % 4 == 0)) Console.WriteLine($"  {(i < before ? "before" : i < after ? "tuning" : "after ")} {line}");
        double Rate(IEnumerable<string> some) => some.Select(l => double.Parse(l.Split(' ')[1])).Order().ElementAt(some.Count() / 2);
        var ratio = Rate(lines.Skip(after)) / Rate(lines.Take(before));
        Console.WriteLine($"the program's own clock: {Rate(lines.Take(before)):0} calls/s before, {Rate(lines.Skip(after)):0} after: {ratio:0.00} times; wrong answers {lines[^1].Split(' ')[2]}");
        return ratio >= 1.5 && lines[^1].Split(' ')[2] == "0" ? 0 : 1;
    }
}
