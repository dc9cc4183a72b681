using System.Diagnostics;
using System.Globalization;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Cli.Demo;

/// <summary>
/// Debian's perl (of the essential package perl-base) with a script of ours, which writes the number of its rounds into a file, once in a while.
/// </summary>
internal sealed class Workload : IDisposable
{
    public const string Description = "/usr/bin/perl with a script that checks a hex dump";

    private readonly TraceableChild child;
    private readonly string folder;

    private Workload(TraceableChild child, string folder)
    {
        this.child = child;
        this.folder = folder;
    }

    public int Pid => child.Pid;

    private string CountFile => Path.Combine(folder, "rounds");

    /// <summary>It ends by itself after this time, whatever becomes of us. A Ctrl-C is ours alone: everything is taken out before it ends.</summary>
    public static Outcome<Workload> Start(TimeSpan atMost)
    {
        using var script = typeof(Workload).Assembly.GetManifestResourceStream("KernOpt.Cli.Demo.workload.pl") ?? throw new InvalidOperationException("the script is not in the program");
        using var reader = new StreamReader(script);
        var folder = Directory.CreateTempSubdirectory("kernopt-demo-").FullName;
        var file = Path.Combine(folder, "workload.pl");
        File.WriteAllText(file, reader.ReadToEnd());
        return TraceableChild.Spawn(["/usr/bin/perl", file, $"{(int)atMost.TotalSeconds}", Path.Combine(folder, "rounds")], hasOwnGroup: true).Then<Workload>(child => new Workload(child, folder));
    }

    /// <summary>Rounds a second by the program's own count, from one writing of the count to another: it does not write each round.</summary>
    public async Task<double> RateAsync(TimeSpan time, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var (before, from) = (await NextCountAsync(cancellation).ConfigureAwait(false), clock.Elapsed);
        await Task.Delay(time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var after = await NextCountAsync(cancellation).ConfigureAwait(false);
        return (after - before) / (clock.Elapsed - from).TotalSeconds;
    }

    public void Dispose()
    {
        if (!child.Exit.IsCompleted) SystemCall.Kill(child.Pid, Signals.Kill);
        Directory.Delete(folder, recursive: true);
    }

    private async Task<double> NextCountAsync(CancellationToken cancellation)
    {
        var last = Rounds();
        while (Rounds() == last && !child.Exit.IsCompleted && !cancellation.IsCancellationRequested)
        {
            await Task.Delay(1, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return Rounds();
    }

    private double Rounds() => File.Exists(CountFile) && double.TryParse(File.ReadAllText(CountFile), CultureInfo.InvariantCulture, out var count) ? count : 0;
}
