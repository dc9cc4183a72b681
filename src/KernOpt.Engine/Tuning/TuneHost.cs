using KernOpt.Engine.Policies;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Target;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KernOpt.Engine.Tuning;

/// <summary>Runs the loop as a hosted service until its time is over or it is ended.</summary>
public static class TuneHost
{
    public static async Task<Outcome<TuneReport>> RunAsync(Session session, Policy policy, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(new TuneJob(session, policy, time, progress));
        builder.Services.AddSingleton<IHostLifetime, CallerEnds>();
        builder.Services.AddSingleton<TuneLoop>();
        builder.Services.AddHostedService(services => services.GetRequiredService<TuneLoop>());
        using var host = builder.Build();
        await host.StartAsync(CancellationToken.None).ConfigureAwait(false);
        using (cancellation.Register(() => host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication()))
        {
            await host.WaitForShutdownAsync(CancellationToken.None).ConfigureAwait(false);
        }
        var loop = host.Services.GetRequiredService<TuneLoop>();
        await EndedAsync(loop, cancellation).ConfigureAwait(false);
        return loop.Result;
    }

    /// <summary>
    /// The host's patience may end before the loop does, and it keeps a fault of the loop to itself: here the loop has ended, and its fault is the caller's.
    /// A loop that was cancelled before its first step was interrupted, as its result says.
    /// </summary>
    private static async Task EndedAsync(TuneLoop loop, CancellationToken cancellation)
    {
        try
        {
            await (loop.ExecuteTask ?? Task.CompletedTask).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
    }

    /// <summary>Signals are the command line's business.</summary>
    private sealed class CallerEnds : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>What the loop is to do.</summary>
public sealed record TuneJob(Session Session, Policy Policy, TimeSpan Time, IProgress<string> Progress);
