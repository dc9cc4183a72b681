using KernOpt.Engine.Policies;
using KernOpt.Target;

namespace KernOpt.Engine.Objectives;

/// <summary>A number of the user's own that is to get better, as it is now.</summary>
public interface IObjective : IDisposable
{
    /// <summary>For people: the command line, or the address with the metric.</summary>
    string Name { get; }

    /// <summary>Reads it once. KO7020: no answer (transient errors were retried); KO7021: an answer without a finite number in its place; KO8004: cancelled.</summary>
    ValueTask<Outcome<double>> ReadAsync(CancellationToken cancel);
}

public static class Objective
{
    /// <summary>The objective that a plan names; null for cycles per call, which the windows measure by themselves.</summary>
    public static IObjective? Of(ObjectivePlan plan) => plan.Kind switch
    {
        ObjectiveKind.Command => new CommandObjective(plan),
        ObjectiveKind.Http => new HttpObjective(plan),
        _ => null,
    };
}

/// <summary>The objective over one window: its value at the end, or, of a counter, its growth per second.</summary>
public sealed class ObjectiveMeter(IObjective objective, bool isCounter, TimeProvider? clock = null)
{
    private readonly TimeProvider clock = clock ?? TimeProvider.System;
    private double startValue;
    private long startTime;

    public async ValueTask<Outcome<Done>> StartAsync(CancellationToken cancel)
    {
        if (!isCounter) return Done.It;
        var read = await objective.ReadAsync(cancel).ConfigureAwait(false);
        if (!read.Try(out startValue, out var why)) return why;
        startTime = clock.GetTimestamp();
        return Done.It;
    }

    public async ValueTask<Outcome<double>> EndAsync(CancellationToken cancel)
    {
        var read = await objective.ReadAsync(cancel).ConfigureAwait(false);
        if (!isCounter || !read.Try(out var value, out _)) return read;
        var seconds = clock.GetElapsedTime(startTime).TotalSeconds;
        return value >= startValue && seconds > 0
            ? (value - startValue) / seconds
            : Reasons.ObjectiveNotANumber.With($"{objective.Name}: the counter fell from {startValue} to {value}; was the service restarted?");
    }
}
