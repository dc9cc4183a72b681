using System.Globalization;

namespace KernOpt.Tests.System;

/// <summary>The running hotfilter, and what its lines say: seconds, calls per second, wrong answers, checksum.</summary>
internal sealed class HotFilter(bool isStripped, params string[] arguments) : IDisposable
{
    private readonly RunningTarget target = new(isStripped ? Scratch.Compile("hotfilter", "-O2", "-s") : Scratch.Compile("hotfilter", "-O2"), arguments);

    public RunningTarget Target => target;
    public string Pid => $"{target.Pid}";

    public int WrongAnswers => Rows.Sum(r => r.Wrong);

    private IEnumerable<(double Rate, int Wrong)> Rows => target.Lines.Select(l => l.Split(' ')).Where(f => f.Length == 4)
        .Select(f => (double.Parse(f[1], CultureInfo.InvariantCulture), int.Parse(f[2], CultureInfo.InvariantCulture)));

    /// <summary>The median of calls per second, by the program's own clock, over the next lines that it prints.</summary>
    public async Task<double> MedianRateAsync(int lines)
    {
        var before = Rows.Count();
        await target.WaitForLineAsync(_ => Rows.Count() > before + lines, TimeSpan.FromSeconds(lines + 20));
        var rates = Rows.Skip(before + 1).Select(r => r.Rate).Order().ToList();
        return rates[rates.Count / 2];
    }

    public void Dispose() => target.Dispose();
}
