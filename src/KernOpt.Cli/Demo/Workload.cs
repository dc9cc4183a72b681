using System.Diagnostics;
using System.Globalization;

namespace KernOpt.Cli.Demo;

/// <summary>Debian's perl (of the essential package perl-base) with a script of ours; it prints how many rounds it has done, once in a while.</summary>
internal sealed class Workload : IDisposable
{
    private readonly Process process;
    private long rounds;

    private Workload(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) =>
        {
            if (long.TryParse(line.Data, CultureInfo.InvariantCulture, out var count)) Interlocked.Exchange(ref rounds, count);
        };
        process.BeginOutputReadLine();
    }

    public int Pid => process.Id;

    public string Description => "an access-log analyser in /usr/bin/perl";

    /// <summary>It ends by itself after this time, whatever becomes of us.</summary>
    public static Workload Start(TimeSpan atMost)
    {
        using var script = typeof(Workload).Assembly.GetManifestResourceStream("KernOpt.Cli.Demo.workload.pl") ?? throw new InvalidOperationException("the script is not in the program");
        using var reader = new StreamReader(script);
        var start = new ProcessStartInfo("/usr/bin/perl", ["-e", reader.ReadToEnd(), $"{(int)atMost.TotalSeconds}"]) { RedirectStandardOutput = true };
        return new Workload(Process.Start(start) ?? throw new InvalidOperationException("perl did not start"));
    }

    /// <summary>Rounds a second by the program's own count.</summary>
    public async Task<double> RateAsync(TimeSpan time, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var before = Interlocked.Read(ref rounds);
        await Task.Delay(time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (Interlocked.Read(ref rounds) - before) / clock.Elapsed.TotalSeconds;
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.Dispose();
    }
}
