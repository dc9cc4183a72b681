namespace KernOpt.Bench.Figures;

/// <summary>
/// The original compared with itself on live traffic, again and again: how often its 95 % interval leaves out "no difference", and how its width agrees with the
/// spread of the effects. Arguments: [comparisons].
/// </summary>
internal static class SelfFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var comparisons = Math.Max(2, arguments.Length > 0 ? int.Parse(arguments[0]) : 40);
        using var target = new RunningTarget(Scratch.Compile("hotfilter", "-O2"));
        await Task.Delay(1000);
        var relocate = await Kernopt.RunAsync("relocate", "--pid", $"{target.Pid}", "fold", "--json");
        var id = $"{relocate.Result.GetProperty("installed")[0].GetProperty("id")}";
        var effects = new List<double>();
        var widths = new List<double>();
        var verdicts = new List<string>();
        var excluded = 0;
        for (var i = 0; i < comparisons; i++)
        {
            var ab = await Kernopt.RunAsync("ab", "--pid", $"{target.Pid}", id, "--for", "5s", "--a-a", "--json");
            if (ab.ExitCode is 3 or 64 or 77)
            {
                Console.WriteLine($"comparison {i}: {ab}");
                return 1;
            }
            var (low, high) = (ab.Result.GetProperty("low").GetDouble(), ab.Result.GetProperty("high").GetDouble());
            effects.Add(Math.Log(ab.Result.GetProperty("effect").GetDouble()));
            widths.Add((Math.Log(high) - Math.Log(low)) / 2);
            verdicts.Add(ab.Result.GetProperty("verdict").GetString()!);
            excluded += low > 1 || high < 1 ? 1 : 0;
        }
        await Kernopt.RunAsync("revert", "--pid", $"{target.Pid}", "--all");
        var mean = effects.Average();
        var spread = Math.Sqrt(effects.Sum(e => (e - mean) * (e - mean)) / (effects.Count - 1));
        Console.WriteLine($"{comparisons} comparisons of the original with itself: {string.Join(", ", verdicts.CountBy(v => v).Select(v => $"{v.Value} {v.Key}"))}; the interval left out 1 in {excluded}");
        Console.WriteLine($"logarithm of the effect: mean {mean:0.0000}, standard deviation {spread:0.0000}; half of the interval {widths.Average():0.0000} on average");
        return excluded <= Tolerated(comparisons) ? 0 : 1;
    }

    /// <summary>A right comparison leaves out 1 in more than this many of n with a probability of 1 % at most (binomial, 5 % each).</summary>
    private static int Tolerated(int n)
    {
        var probability = Math.Pow(0.95, n);
        var sum = probability;
        var k = 0;
        for (; sum < 0.99; k++)
        {
            probability *= (n - k) / (k + 1.0) * 0.05 / 0.95;
            sum += probability;
        }
        return k;
    }
}
