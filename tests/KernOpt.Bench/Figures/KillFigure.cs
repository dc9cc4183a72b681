namespace KernOpt.Bench.Figures;

/// <summary>
/// kill -9 of KernOpt at random instants during tune: the target must be alive and right each time, and a fresh revert must bring back its text.
/// Arguments: [kills] [seed].
/// </summary>
internal static class KillFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var kills = arguments.Length > 0 ? int.Parse(arguments[0]) : 200;
        var seed = arguments.Length > 1 ? int.Parse(arguments[1]) : 1;
        var random = new Random(seed);
        var program = Scratch.Compile("hotfilter", "-O2", "-s");
        int alive = 0, right = 0, restored = 0, changed = 0;
        for (var i = 0; i < kills; i++)
        {
            using var target = new RunningTarget(program);
            await target.WaitForLineAsync(_ => true, TimeSpan.FromSeconds(10));
            var tune = Kernopt.Start("tune", "--pid", $"{target.Pid}", "--policy", Path.Combine(Repository.Root, "policies/aggressive.yaml"), "--for", "30s", "--quiet", "--json");
            // Dense over the first seconds, where threads are borrowed and code goes in, and some later.
            await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() < 0.7 ? 0.2 + random.NextDouble() * 5 : random.NextDouble() * 20));
            tune.Kill();
            await tune.WaitForExitAsync();
            await Task.Delay(100);
            var list = await Kernopt.RunAsync("list", "--pid", $"{target.Pid}", "--json");
            changed += list.ExitCode == 0 && list.Result.GetProperty("changedPlaces").GetInt32() > 0 ? 1 : 0;
            var revert = await Kernopt.RunAsync("revert", "--pid", $"{target.Pid}", "--all", "--json");
            var line = target.Lines.Count;
            await target.WaitForLineAsync(_ => target.Lines.Count > line + 1, TimeSpan.FromSeconds(10));
            alive += target.IsAlive ? 1 : 0;
            right += target.Lines[^1].Split(' ')[2] == "0" ? 1 : 0;
            var isRestored = revert.ExitCode == 0 && revert.Result.GetProperty("textIsOriginal").GetBoolean();
            restored += isRestored ? 1 : 0;
            if (!isRestored) Console.WriteLine($"kill {i}: {revert}");
            if ((i + 1) % 10 == 0) Console.WriteLine($"{i + 1} kills: {alive} alive, {right} right, {restored} restored ({changed} had changed places when killed)");
        }
        Console.WriteLine($"{kills} kills (seed {seed}): {alive} targets alive, {right} with right answers, {restored} restored byte for byte; {changed} had changed places when killed");
        return alive == kills && right == kills && restored == kills ? 0 : 1;
    }
}
