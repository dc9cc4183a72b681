namespace KernOpt.Bench.Figures;

/// <summary>
/// The gaps that the threads of a target see (two busy, six that wake 1,000 times a second), in equal times without KernOpt, and over attach, tune and
/// revert. Printed in turns, since this machine's own gaps vary. Arguments: [rounds] [seconds].
/// </summary>
internal static class GapFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var rounds = arguments.Length > 0 ? int.Parse(arguments[0]) : 2;
        var seconds = arguments.Length > 1 ? int.Parse(arguments[1]) : 40;
        using var target = new RunningTarget(Scratch.Compile("gaps", "-O2", "-s"));
        await target.WaitForLineAsync(l => l == "ready", TimeSpan.FromSeconds(10));
        await Kernopt.RunAsync("list", "--pid", $"{target.Pid}");
        for (var round = 0; round < rounds; round++)
        {
            await Report(target, "(discarded)");
            await Task.Delay(TimeSpan.FromSeconds(seconds));
            await Report(target, $"round {round}, no KernOpt      ");
            var tune = await Kernopt.RunAsync("tune", "--pid", $"{target.Pid}", "--for", $"{seconds - 5}s", "--json");
            var revert = await Kernopt.RunAsync("revert", "--pid", $"{target.Pid}", "--all");
            await Report(target, $"round {round}, tune and revert ");
            Console.WriteLine($"  tune: exit {tune.ExitCode}, longest hold {tune.Result.GetProperty("longestHoldMicroseconds")} us, experiments {tune.Result.GetProperty("experiments").GetArrayLength()}; revert: exit {revert.ExitCode} {revert.Output.Trim()}");
        }
        return 0;
    }

    private static async Task Report(RunningTarget target, string what)
    {
        var before = target.Lines.Count;
        Signals.Send(target.Pid, Signals.User1);
        while (target.Lines.Count < before + 2) await Task.Delay(10);
        foreach (var line in target.Lines.Skip(before)) Console.WriteLine($"{what} {line}");
    }
}
